# `make` says what there is. Each target installs first, where that has not been done.
INSTALLED := .venv/.installed

help:
	@echo 'make lab           open the lectures in JupyterLab   (PORT=9000, PYTHON=python3.12, TORCH=cpu)'
	@echo 'make test          all tests but the slow ones, and the linters'
	@echo 'make test-slow     the slow ones'
	@echo 'make lint          ruff and mypy'
	@echo 'make bench-widgets from the mouse to the picture, beside interact and matplotlib'
	@echo 'make bench-figures every figure of the lectures: CPU of an answer, key press to picture'
	@echo 'make bench-noise   nanoseconds per normal, beside torch, numpy and JAX'
	@echo 'make bench-core    samples, normals, a search, beside the peers; installs them'
	@echo 'make bench-search  evolution strategies: a generation, CartPole, the gripper, BBOB, the wire'
	@echo 'make bench-gripper environment steps per second, beside MuJoCo, and on a GPU'
	@echo 'make bench-ppo     PPO on CartPole beside Stable-Baselines3, at equal steps'
	@echo 'make certify       the grader proved whole: attacks, wrong and right answers, fuzzing'
	@echo 'make bench-grading course grade beside nbgrader autograde and otter run'
	@echo 'make bench-start   from make lab to the first painted widget'
	@echo 'make mutants       break smoothlib and see which test notices (MODULES="smoothing norms" EVERY=5)'

lab: $(INSTALLED)
	@.venv/bin/course lab $(if $(PORT),--port $(PORT))

test: lint
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

test-slow: $(INSTALLED)
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

lint: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench-widgets: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_widgets

bench-figures: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_figures

bench-noise: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_noise

bench-core: $(INSTALLED)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	@.venv/bin/python -m tests.benchmarks.bench_core

bench-search: $(INSTALLED)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	@.venv/bin/python -m tests.benchmarks.bench_search $(PARTS)
	@$(if $(PARTS),,.venv/bin/python -m tests.benchmarks.bench_environments)

bench-gripper: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_gripper

bench-ppo: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_ppo

bench-start: $(INSTALLED)
	@.venv/bin/python -m tests.benchmarks.bench_start

mutants: $(INSTALLED)
	.venv/bin/python -m tests.mutation $(MODULES) $(if $(EVERY),--every $(EVERY))

certify: $(INSTALLED)
	.venv/bin/pytest tests/test_grading.py tests/test_nbgrader_loop.py
	nice -n 19 .venv/bin/python -m tests.certify $(if $(SEEDS),--seeds $(SEEDS))

bench-grading: $(INSTALLED)
	@.venv/bin/pip install -q -c constraints.txt -e '.[bench]'
	@.venv/bin/python -m tests.benchmarks.bench_grading

$(INSTALLED): pyproject.toml constraints.txt
	@bash course/install.sh
	@touch $@

.PHONY: help lab test test-slow lint bench-widgets bench-figures bench-noise bench-core bench-search bench-gripper bench-ppo bench-start mutants bench-grading certify
