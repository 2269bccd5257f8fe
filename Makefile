# `make` alone lists the verbs. Everything is made under .venvs/ (environments) and store/ (results); nothing else is touched.
PYTHON ?= python3.11
CAMPAIGN ?= campaigns/quickstart.yaml
SITE ?= local
# Environments to set up; empty means those that CAMPAIGN needs.
ENVS ?=
# One image to build, and whether for CPUs or for NVIDIA GPUs; what it stands on.
ENV ?=
FLAVOUR ?= cpu
BASE ?= debian
# A source archive of LAMMPS and its sha256, for `make lammps`.
LAMMPS ?=
LAMMPS_SHA256 ?=
# Asked only when this machine's own pip configuration offers no CPU build of torch.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# Make must not expand what people give: `$(…)` in a name stays text.
override PYTHON := $(value PYTHON)
override CAMPAIGN := $(value CAMPAIGN)
override SITE := $(value SITE)
override ENVS := $(value ENVS)
override ENV := $(value ENV)
override FLAVOUR := $(value FLAVOUR)
override BASE := $(value BASE)
override LAMMPS := $(value LAMMPS)
override LAMMPS_SHA256 := $(value LAMMPS_SHA256)
override TORCH_INDEX := $(value TORCH_INDEX)
# Recipes read these from the environment, quoted: no name of a campaign can become a command.
export PYTHON CAMPAIGN SITE ENVS ENV FLAVOUR BASE LAMMPS LAMMPS_SHA256 TORCH_INDEX

SETUP = "$$PYTHON" containers/setup.py --torch-index "$$TORCH_INDEX"
MLIPBENCH = .venvs/login/bin/mlipbench
IMAGES = $(MLIPBENCH) images build --site "$$SITE" --flavour "$$FLAVOUR" --base "$$BASE" --torch-index "$$TORCH_INDEX"

.PHONY: help python login setup campaign validate plan status report doctor clean images image lammps test test-fast test-full bench locks base-lock
.NOTPARALLEL:

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
	@printf '\nVariables: CAMPAIGN=%s SITE=%s PYTHON=%s ENVS="mace reference ..."\n' "$$CAMPAIGN" "$$SITE" "$$PYTHON"

# An existing python3.11 may be a shim that cannot run, or a Debian build without venv, so it is tried, not looked up.
python:
	@"$$PYTHON" -Ic 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1 </dev/null || { \
	  echo "This project needs Python 3.11 with its venv module, which '$$PYTHON' is not: install it (Debian: apt-get install" \
	  "python3.11 python3.11-venv) or name one, as in: make PYTHON=/path/to/python3.11" >&2; exit 2; }

login: python
	@$(SETUP) login

setup: python  ## make the environments that CAMPAIGN needs (or ENVS); a second run does nothing
	@envs=$$ENVS; [ -n "$$envs" ] || { $(SETUP) login && envs=$$($(MLIPBENCH) environments "$$CAMPAIGN"); } || exit 2; \
	$(SETUP) login $$envs

campaign: setup  ## set up, run CAMPAIGN on SITE, print where the report is
	@$(MLIPBENCH) run "$$CAMPAIGN" --site "$$SITE"

validate: login  ## say every mistake in CAMPAIGN at once
	@$(MLIPBENCH) validate "$$CAMPAIGN" --site "$$SITE"

plan: login  ## show what CAMPAIGN would run, and what it would cost
	@$(MLIPBENCH) plan "$$CAMPAIGN" --site "$$SITE"

status: login  ## show what is done, running and failed
	@$(MLIPBENCH) status "$$CAMPAIGN" --site "$$SITE"

report: login  ## rebuild the report from what is done
	@$(MLIPBENCH) report "$$CAMPAIGN" --site "$$SITE"

doctor: login  ## try a site: scheduler, nodes, network, filesystem, images
	@$(MLIPBENCH) doctor "$$SITE"

clean: login  ## remove what dead attempts left; results stay
	@$(MLIPBENCH) clean --site "$$SITE"

images: login  ## build the pinned Apptainer images that CAMPAIGN needs (FLAVOUR=cpu|cuda)
	@envs=$$($(MLIPBENCH) environments "$$CAMPAIGN") || exit 2; $(IMAGES) $$envs

image: login  ## build one image, from nothing, and compare it with the one there: make image ENV=mace FLAVOUR=cpu
	@[ -n "$$ENV" ] || { echo "which one? as in: make image ENV=mace FLAVOUR=cpu" >&2; exit 2; }
	@$(IMAGES) --again -- "$$ENV"

lammps: login  ## compile LAMMPS with ML-IAP and Python into own-lammps/: make lammps LAMMPS=archive LAMMPS_SHA256=…
	@[ -n "$$LAMMPS" ] || { echo "from which archive? as in: make lammps LAMMPS=lammps.tar.gz LAMMPS_SHA256=…" >&2; exit 2; }
	@.venvs/login/bin/python containers/lammps/build.py "$$LAMMPS" "$$LAMMPS_SHA256" own-lammps

test-fast: python  ## tests without engines and whole campaigns, reports, commands; style, types and imports
	@$(SETUP) login tests analysis
	@.venvs/tests/bin/python tests/run.py fast

test: python  ## the same, every engine's suite, whole campaigns, and a cluster's faults
	@$(SETUP) login tests pytest analysis
	@.venvs/tests/bin/python tests/run.py test

test-full: python  ## the same, the rest of twenty rounds of kills, the images of all environments that train
	@$(SETUP) login tests pytest analysis
	@.venvs/tests/bin/python tests/run.py full

bench: setup  ## measure speed and overheads against the bars
	@.venvs/login/bin/python tests/bench/run.py

base-lock: python  ## developers: lock the present Debian packages as the base of all images
	@"$$PYTHON" containers/base/lock.py

locks: python  ## developers: resolve every requirements.in again (needs network)
	@"$$PYTHON" -m venv .venvs/locks
	@.venvs/locks/bin/pip install --quiet uv==0.13.9
	@.venvs/locks/bin/python containers/lock.py .venvs/locks/bin/uv "$$TORCH_INDEX"
