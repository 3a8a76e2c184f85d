# flowrun: `make demo` shows what it does, `make test` checks that it does it. Both install what they need.
PRESET ?= release
BUILD := build/$(PRESET)
PREFIX ?= /usr/local
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := $(shell sed 's/\#.*//' apt.txt)
DEMO := build/demo

.PHONY: build test demo bench install clean
build: build/.packages
	@[ -f $(BUILD)/build.ninja ] || cmake --preset $(PRESET)
	@cmake --build $(BUILD)

# Installs what is missing; asks for root only then.
build/.packages: apt.txt
	@mkdir -p build
	@dpkg-query -W -f '$${Status}\n' $(PACKAGES) 2>/dev/null | grep -c '^install ok installed' | grep -qx $(words $(PACKAGES)) || \
	  ($(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	   apt-get install -y --no-install-recommends $(PACKAGES))
	@touch $@

test: build
	@ctest --preset $(PRESET)

demo: build
	@mkdir -p $(DEMO)
	@[ -f $(DEMO)/demo.svs ] || $(BUILD)/bin/flowrun synth $(DEMO)/demo.svs --width 12000 --height 9000 --annotations $(DEMO)/demo.xml
	@$(BUILD)/bin/flowrun graphs/extract.yaml --set slides=$(DEMO)/demo.svs --set out=$(DEMO)/out
	@echo
	@echo "tiles         $(DEMO)/out/demo/*.png, listed in $(DEMO)/out/demo/tiles.csv"
	@echo "mask overlay  $(DEMO)/out/demo/overview.jpg"
	@echo "summary       $(DEMO)/out/.flowrun/summary.json"

bench: build
	@tests/bench/run.py --build $(BUILD)
	@tests/bench/knobs.py --build $(BUILD)
	@tests/bench/train.py --build $(BUILD)
	@tests/bench/train.py --build $(BUILD) --memory

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf build
