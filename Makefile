# flowrun: `make demo` shows what it does, `make test` checks that it does it. Each installs what it needs, and builds
# that only, in one folder: what one of them has built the next one does not build again.
PRESET ?= release
# Which plugins `make build` builds: PLUGINS=wsi, or PLUGINS="wsi torch".
PLUGINS ?= wsi torch view
BUILD := build/$(PRESET)
PREFIX ?= /usr/local
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEMO := build/demo
# A step for each core, and no more: so what tools/build_time.py says is time of a core.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.PHONY: build tests test demo bench install tarball package clean
build: build/.packages-build $(if $(filter torch,$(PLUGINS)),build/.packages-torch) $(if $(filter view,$(PLUGINS)),build/.packages-view)
	@$(call configure,$(PLUGINS),OFF)
	@cmake --build $(BUILD)

# The packages of a section of apt.txt; asks for root only where some are missing.
build/.packages-%: apt.txt
	@mkdir -p build
	@packages=$$(awk '/^#/ {wanted = $$2 == "$*:"} !/^#/ && wanted' $<) && \
	  { dpkg-query -W -f '$${db:Status-Status}\n' $$packages 2>/dev/null | grep -cx installed | \
	      grep -qx $$(echo $$packages | wc -w) || \
	    { $(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y --no-install-recommends $$packages; }; }
	@touch $@

# $(call configure,PLUGINS,TESTS) has CMake set the build folder up, unless it is set up for these plugins already, and
# for the tests if TESTS is ON.
CACHE := $(BUILD)/CMakeCache.txt
empty :=
listed = $(subst $(empty) ,;,$(strip $(1)))
configure = { grep -qsxF 'FLOWRUN_PLUGINS:STRING=$(listed)' $(CACHE) && \
    { [ $(2) = OFF ] || grep -qsxF FLOWRUN_TESTS:BOOL=ON $(CACHE); }; } || \
  cmake --preset $(PRESET) -DFLOWRUN_PLUGINS:STRING='$(listed)' -DFLOWRUN_TESTS:BOOL=$(2)

tests: build/.packages-build build/.packages-torch build/.packages-view build/.packages-package build/.packages-test
	@$(call configure,wsi torch view,ON)
	@cmake --build $(BUILD)

test: tests
	@ctest --preset $(PRESET)
	@tools/build_time.py $(BUILD)

# As little as it can do with, for the first picture to be there soon.
demo: build/.packages-build
	@grep -qs '^FLOWRUN_PLUGINS:.*wsi' $(CACHE) || $(call configure,wsi,OFF)
	@cmake --build $(BUILD) --target flowrun flowrun_plugin_wsi
	@mkdir -p $(DEMO)
	@[ -f $(DEMO)/demo.svs ] || $(BUILD)/bin/flowrun synth $(DEMO)/demo.svs --width 12000 --height 9000 --annotations $(DEMO)/demo.xml
	@$(BUILD)/bin/flowrun graphs/extract.yaml --set slides=$(DEMO)/demo.svs --set out=$(DEMO)/out
	@echo
	@echo "Open $(DEMO)/out/demo/overview.jpg: the slide, with the tissue's outline (green) and the tiles (blue)."
	@echo
	@echo "tiles         $(DEMO)/out/demo/*.png, listed in $(DEMO)/out/demo/tiles.csv"
	@echo "tissue mask   $(DEMO)/out/demo/mask.png"
	@echo "summary       $(DEMO)/out/.flowrun/summary.json"
	@echo "your slides   $(BUILD)/bin/flowrun graphs/extract.yaml --set slides='/data/*.svs' --set out=/out"

bench: tests
	@tests/bench/run.py --build $(BUILD)
	@tests/bench/knobs.py --build $(BUILD)
	@tests/bench/predict.py --build $(BUILD)
	@tests/bench/load.py --build $(BUILD)
	@tests/bench/embed.py --build $(BUILD)
	@tests/bench/train.py --build $(BUILD)
	@tests/bench/train.py --build $(BUILD) --memory

# A folder that runs on any Linux with this glibc or a later one, packed as build/flowrun-VERSION-linux-x86_64.tar.zst.
tarball: build/.packages-build build/.packages-view build/.packages-tarball
	@grep -qs '^FLOWRUN_PLUGINS:.*wsi.*view' $(CACHE) || $(call configure,wsi view,OFF)
	@cmake --build $(BUILD) --target flowrun flowrun_plugin_wsi flowrun_plugin_view manual
	@cpack --config $(BUILD)/CPackConfig.cmake -G TZST -B build/pack
	@mv build/pack/*.tar.zst build/ && rm -rf build/pack

# Debian's packages flowrun, flowrun-torch, flowrun-view and flowrun-dev, in build/.
package: build/.packages-build build/.packages-torch build/.packages-view build/.packages-package
	@grep -qs '^FLOWRUN_PLUGINS:.*wsi;torch;view' $(CACHE) || $(call configure,wsi torch view,OFF)
	@cmake --build $(BUILD) --target flowrun flowrun_plugin_wsi flowrun_plugin_torch flowrun_plugin_view manual
	@cpack --config $(BUILD)/CPackConfig.cmake -G DEB -B build/pack
	@mv build/pack/*.deb build/ && rm -rf build/pack

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf build
