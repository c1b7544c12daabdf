"""The fast twins of the tracing rules, on integer columns (extra `fast`)."""
