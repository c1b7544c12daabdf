"""What to look at before relying on a clustering: alarms, bridges, growth, bounds, differences, survival."""
