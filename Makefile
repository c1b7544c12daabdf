# Every job is in scripts/tasks.py. Without make, as on Windows: py scripts\tasks.py test
TASKS := help install demo test test-servers test-long lint lab clean lock

.PHONY: $(TASKS)
$(TASKS):
	@python3 scripts/tasks.py $@ $(ARGS)
