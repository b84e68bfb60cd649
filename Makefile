# make          build capsu (a program without its file capabilities; install.sh gives them)
# make test     unit tests: no root, no network
# make check    all tests, as root: what CI runs
# make one      as root: the privileged tests that TEST=... names, against UNDER=capsu or su
# make trixie   all tests, as root, in a root of Debian 13 made by debootstrap
# make logind   as root: sessions beside su's on a Debian booted by systemd-nspawn, as logind sees them
# make modules  as root: measure every PAM module, here and on Debian 13, into doc/modules.md
# make fuzz     each fuzz target for FUZZTIME
# make inject   as root: let each system call of a session fail, one by one (half an hour)
# make bench    as root: look-ups beside pam_cap.so, a pseudo-terminal beside script(1),
#               streams by ssh beside su, as ratios
# make race     the unit tests with the race detector
# make arm64    everything compiles for arm64: needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross
# make lint     what must be clean; it asks the network for known vulnerabilities
# make format   gofmt
# make install  ./install.sh

GO ?= go
FUZZTIME ?= 30s
TEST ?= .
UNDER ?= capsu

build:
	$(GO) build -trimpath -buildmode=pie -o build/ ./cmd/...

test:
	$(GO) test ./...

race:
	$(GO) test -race ./...

check:
	./tests/run

one:
	CAPSU_UNDER_TEST=$(UNDER) GO=$(GO) tests/one '$(TEST)' -test.v

trixie:
	tests/trixie

logind:
	tests/logind

MEASURE = -test.run TestEveryModuleIs -modules.record -modules.sample 1 -test.timeout 1h

modules:
	./tests/run $(MEASURE)
	mkdir -p build && TRIXIE=$(CURDIR)/build/trixie tests/trixie $(MEASURE)
	cp build/trixie/src/doc/modules.md doc/modules.md

inject:
	./tests/run -test.run TestEachCall -test.timeout 3h -inject.sample 0

bench:
	$(GO) test -c -tags privileged -o build/bench.test ./tests/bench
	GO=$(GO) tests/world sh -c './install.sh --prefix /opt && cd tests/bench && exec ../../build/bench.test -test.count 1'

fuzz:
	$(GO) test ./policy -run '^$$' -fuzz FuzzDecide -fuzztime $(FUZZTIME)
	$(GO) test ./site -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME)
	$(GO) test ./request -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME)

lint:
	GO=$(GO) tests/lint

arm64:
	GO=$(GO) tests/arm64

format:
	gofmt -w .

install:
	./install.sh

.PHONY: build test race check one trixie logind modules inject bench fuzz arm64 lint format install
