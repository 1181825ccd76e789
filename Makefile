# SPDX-License-Identifier: GPL-2.0-only
#
# make			$(O)/fdpin-trace; installs nothing
# make check		everything; installs what is missing (tests/setup), ends with "N passed, N failed, N skipped"
# make check-unit	what needs neither root nor a VM
# make check-vm		in VMs: KERNELS="6.1 6.1-unfixed" picks rows of tests/kernels
# make check-long	in VMs: what CI has no time for, hours; KERNELS= as above
# make bench		in VMs: what watching costs, to tests/bench/RESULTS.md; installs what it compares with; KERNELS="6.1 iommufd", twenty minutes
# make demo		the deadlock made and proven in a VM; installs what is missing
# make docs		manual pages and completion; part of make where scdoc is there
# make install		DESTDIR= prefix=/usr/local; with manual pages and completion, so it needs scdoc
# make schema		dist/fdpin-trace-trace.schema.json made again from bpf/events.h
# make verified		tests/verified made again from what the last check saw
# make expand		what bpf/events.h becomes
# make vmlinux.h	VMLINUX_BTF=…: made again from a kernel's BTF
#
# V=1 shows commands, O= moves what is built, SANITIZE=1 builds with ASAN and UBSAN (in a folder of its own),
# WERROR=1 makes warnings errors, CROSS_COMPILE= is a prefix for the C compiler and pkg-config. DOCS=no leaves the pages and completion out of
# all of it: they are made by a program that is built with the tool and run here, which a cross compiler's cannot be.

VERSION := 0.1.0

ifdef SANITIZE
O ?= build/sanitize
else
O ?= build
endif
# one spelling: what an object depends on is noted under the name that it was made by
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
prefix ?= /usr/local
sbindir ?= $(prefix)/sbin
vendordir ?= $(prefix)/lib/fdpin-trace
systemddir ?= $(prefix)/lib/systemd
sysusersdir ?= $(prefix)/lib/sysusers.d
datadir ?= $(prefix)/share
docdir ?= $(datadir)/doc/fdpin-trace
mandir ?= $(datadir)/man
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/site-functions
fishcompletiondir ?= $(datadir)/fish/vendor_completions.d
ARCH ?= x86

CC := $(CROSS_COMPILE)gcc
PKG_CONFIG ?= $(CROSS_COMPILE)pkg-config
CLANG ?= clang
SCDOC ?= scdoc
BPFTOOL ?= bpftool

# Everything optional that a command can be told is told here, so that nothing is asked for at parse time: on a bare machine
# `make check` must get as far as tests/setup. Each of the three asks once, when a recipe first needs it.
# OPTIONAL libraries are used where they are there.
LIBRARIES := libbpf json-c smartcols libelf libeconf
OPTIONAL := libdw libsystemd
PKG_THERE = $(eval PKG_THERE := $$(shell for l in $(OPTIONAL); do $(PKG_CONFIG) --exists $$$$l && echo $$$$l; done))$(PKG_THERE)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(LIBRARIES) $(PKG_THERE)) $(if $(filter libdw,$(PKG_THERE)),-DHAVE_LIBDW) $(if $(filter libsystemd,$(PKG_THERE)),-DHAVE_LIBSYSTEMD='"$$(shell $(PKG_CONFIG) --modversion libsystemd)"'))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(LIBRARIES) $(PKG_THERE)))$(PKG_LIBS)

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wformat=2 -Wshadow $(if $(WERROR),-Werror)
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DPOOL_LARGEST=0
OUR_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DFDPIN_VERSION='"$(VERSION)"' -I$(O) $(WARNINGS) $(PKG_CFLAGS) $(if $(SANITIZE),$(SANITIZERS))
BPF_CFLAGS = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -I. -Wall $(if $(WERROR),-Werror)

ifeq ($(V),1)
Q :=
msg = @:
else
Q := @
msg = @printf '  %-8s %s\n' $(1) $(2)
MAKEFLAGS += --no-print-directory
endif

sources := $(wildcard src/*.c)
objects := $(sources:%.c=$(O)/%.o)
# What needs no kernel: this is what the unit tests and the fuzzers link.
pure := $(filter-out src/main.c src/cmd_%.c src/guard.c src/guard_canary.c src/guard_pins.c src/guard_sweep.c src/guard_window.c src/enforce_%.c src/service.c src/source_bpf.c src/load.c src/look.c src/look_memory.c src/observe.c src/probe.c src/types.c src/watch.c src/facts%.c src/rescue_act.c src/rescue_perform.c,$(sources))
skeletons := $(patsubst bpf/%.bpf.c,$(O)/%_bpf.skel.h,$(wildcard bpf/*.bpf.c))

pages := $(patsubst man/%.scd,$(O)/man/%,$(wildcard man/*.scd))
completions := $(patsubst dist/%.in,$(O)/%,$(wildcard dist/completions/*.in))
schemas := $(wildcard dist/*.schema.json)
DOCS ?= $(if $(CROSS_COMPILE),no,yes)

all: $(O)/fdpin-trace $(if $(filter yes,$(DOCS)),$(if $(shell command -v $(SCDOC)),docs))

$(O)/fdpin-trace: $(objects)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(if $(SANITIZE),$(SANITIZERS)) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/src/%.o: src/%.c | $(O)/.libraries
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# The compiler learns that these need them only by reading them.
by_skeleton := source_bpf load look look_memory facts_tests facts_memory guard guard_sweep guard_window
$(by_skeleton:%=$(O)/src/%.o) $(by_skeleton:%=$(O)/san/src/%.o): $(skeletons)

# Where the package puts its own configuration. Written when it changes: make install may name another prefix than make.
$(O)/paths.h: FORCE
	@mkdir -p $(@D)
	@echo '#define VENDOR_FOLDER "$(vendordir)"' | cmp -s - $@ || echo '#define VENDOR_FOLDER "$(vendordir)"' > $@

$(O)/src/policy_files.o $(O)/san/src/policy_files.o $(O)/fuzz/src/policy_files.o: $(O)/paths.h

$(O)/.libraries: Makefile
	@mkdir -p $(@D)
	@$(PKG_CONFIG) --exists --print-errors $(LIBRARIES) || { echo 'hint: tests/setup build installs what is missing' >&2; exit 1; }
	@touch $@

# ---- BPF: compile, strip (bpftool gen object), embed ---------------------------

$(O)/bpf/%.bpf.o: bpf/%.bpf.c vmlinux.h
	$(call msg,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/bpf/%.stripped.o: $(O)/bpf/%.bpf.o
	$(call msg,STRIP,$@)
	$(Q)$(BPFTOOL) gen object $@ $<

$(O)/%_bpf.skel.h: $(O)/bpf/%.stripped.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# ---- manual pages, completion, schemas: from the tables in the tool's own objects --------

$(O)/man/%.o: man/%.c | $(O)/.libraries
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(OUR_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(O)/man/tables: $(patsubst man/%.c,$(O)/man/%.o,$(wildcard man/*.c)) $(filter-out $(O)/src/main.o,$(objects))
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(if $(SANITIZE),$(SANITIZERS)) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(pages): $(O)/man/%: man/%.scd $(O)/man/tables
	$(call msg,MAN,$@)
	$(Q)command -v $(SCDOC) > /dev/null || { echo 'hint: tests/setup build installs scdoc, DOCS=no does without pages' >&2; exit 1; }
	$(Q)$(O)/man/tables expand < $< > $@.scd
	$(Q)$(SCDOC) < $@.scd > $@.roff
	$(Q)sed -e 's/^\.nh$$/.nh\n.nr HY 0/' -e 's/^\.TS$$/.TS\nnokeep;/' $@.roff > $@

$(completions): $(O)/%: dist/%.in $(O)/man/tables
	$(call msg,GEN,$@)
	@mkdir -p $(@D)
	$(Q)$(O)/man/tables expand < $< > $@

docs: $(pages) $(completions)

schema: $(O)/man/tables
	$(Q)$(O)/man/tables schema > $(O)/man/schema.json
	$(Q)mv $(O)/man/schema.json dist/fdpin-trace-trace.schema.json

vmlinux.h:
ifdef VMLINUX_BTF
	$(call msg,GEN,$@)
	$(Q)bpf/vmlinux.sh $(VMLINUX_BTF) > $@
else
	@test -f $@ || { echo 'vmlinux.h is missing; make it with: make vmlinux.h VMLINUX_BTF=FILE' >&2; exit 1; }
endif

expand:
	@$(CLANG) -E -P -x c bpf/events.h | { clang-format 2>/dev/null || cat; }

# ---- tests that need no kernel -------------------------------------------------

unit_tests := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
fuzzers := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
test_flags = $(filter-out -O2,$(CFLAGS)) -O1 $(OUR_CFLAGS) $(SANITIZERS) -Isrc -I. -MMD -MP

$(O)/san/src/%.o: src/%.c | $(O)/.libraries
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(test_flags) -c -o $@ $<

$(O)/tests/unit/%: tests/unit/%.c $(pure:%.c=$(O)/san/%.o)
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(test_flags) -o $@ $< $(pure:%.c=$(O)/san/%.o) -lcmocka $(PKG_LIBS)

$(O)/fuzz/src/%.o: src/%.c | $(O)/.libraries
	$(call msg,FUZZ-CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(test_flags) -fsanitize=fuzzer-no-link -c -o $@ $<

$(O)/tests/fuzz/%: tests/fuzz/%.c $(pure:%.c=$(O)/fuzz/%.o)
	$(call msg,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(test_flags) -fsanitize=fuzzer -o $@ $< $(pure:%.c=$(O)/fuzz/%.o) $(PKG_LIBS)

$(O)/tests/%: tests/golden/%.c $(pure:%.c=$(O)/san/%.o)
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(test_flags) -o $@ $< $(pure:%.c=$(O)/san/%.o) -lcmocka $(PKG_LIBS)

# The tool under the sanitizers, for the golden recordings, of what the tests are made of.
$(O)/sanitize/fdpin-trace: $(sources:%.c=$(O)/san/%.o)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# What tests/run-all starts
unit-programs: all $(unit_tests) $(fuzzers) $(patsubst tests/golden/%.c,$(O)/tests/%,$(wildcard tests/golden/*.c)) $(O)/sanitize/fdpin-trace

progs:
	$(call msg,PROGS,$(O)/tests/progs)
	$(Q)$(MAKE) $(if $(filter 1,$(V)),,-s) -C tests/progs O=$(abspath $(O))/tests/progs

# ---- check and demo: these, and only these, may install ------------------------

# Rows of tests/kernels: what make check has time for, and all.
rows = $(shell awk '!/^\#/ && NF$(1) { print $$1 }' tests/kernels)
ifeq ($(origin KERNELS),undefined)
KERNELS = $(call rows, && $$6 !~ /^long:/)
check-vm check-long: KERNELS = $(call rows)
endif
run_all = O=$(O) KERNELS='$(KERNELS)' MAKE='$(MAKE)' tests/run-all

check:
	$(Q)tests/setup build unit docs vm
	$(Q)$(run_all) lists unit cli docs golden fuzz vm bench

check-unit:
	$(Q)tests/setup build unit docs
	$(Q)$(run_all) lists unit cli docs golden fuzz

check-vm:
	$(Q)tests/setup build vm
	$(Q)$(run_all) vm-all

check-long:
	$(Q)tests/setup build vm
	$(Q)$(run_all) long

# After make check or check-vm, and a look at the difference
verified:
	$(Q)mkdir -p tests/verified
	cp $(O)/verified/* tests/verified/

bench:
	$(Q)tests/setup build vm bench
	$(Q)$(MAKE) DOCS=no all
	$(Q)O=$(O) MAKE='$(MAKE)' tests/bench/run $(if $(filter command line environment,$(origin KERNELS)),$(KERNELS))

demo:
	$(Q)tests/setup build vm
	$(Q)$(MAKE) all progs
	$(Q)O=$(O) tests/demo

# ---- the rest --------------------------------------------------------------------

install: all $(if $(filter yes,$(DOCS)),install-docs)
	install -D -m 755 $(O)/fdpin-trace $(DESTDIR)$(sbindir)/fdpin-trace
	install -D -m 644 -t $(DESTDIR)$(docdir) README.md NEWS COPYING
	install -D -m 644 -t $(DESTDIR)$(datadir)/fdpin-trace $(schemas)
	install -D -m 644 -t $(DESTDIR)$(vendordir) dist/fdpin-trace.conf
	install -D -m 644 -t $(DESTDIR)$(systemddir)/catalog dist/fdpin-trace.catalog
	install -D -m 644 dist/fdpin-trace.sysusers $(DESTDIR)$(sysusersdir)/fdpin-trace.conf
	install -d $(DESTDIR)$(systemddir)/system
	sed 's|@sbindir@|$(sbindir)|' dist/fdpin-trace.service.in > $(DESTDIR)$(systemddir)/system/fdpin-trace.service
	chmod 644 $(DESTDIR)$(systemddir)/system/fdpin-trace.service

install-docs: docs
	for section in 5 7 8; do \
		install -D -m 644 -t $(DESTDIR)$(mandir)/man$$section $(O)/man/fdpin-trace*.$$section || exit; \
	done
	install -D -m 644 $(O)/completions/fdpin-trace.bash $(DESTDIR)$(bashcompletiondir)/fdpin-trace
	install -D -m 644 -t $(DESTDIR)$(zshcompletiondir) $(O)/completions/_fdpin-trace
	install -D -m 644 -t $(DESTDIR)$(fishcompletiondir) $(O)/completions/fdpin-trace.fish

clean:
	$(call msg,CLEAN,$(O))
	$(Q)rm -rf $(O)

FORCE:

.PHONY: FORCE all bench check check-unit check-vm check-long verified demo docs install install-docs schema expand clean unit-programs progs
.DELETE_ON_ERROR:
.SECONDARY:

ifdef VMLINUX_BTF
.PHONY: vmlinux.h
endif

-include $(shell find $(O) -name '*.d' -type f 2>/dev/null)
