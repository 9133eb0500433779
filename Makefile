# agentsh-exec. See README.md; "make help" lists the targets.
VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
LOCALSTATEDIR ?= /var
BINDIR = $(PREFIX)/bin
SHIMDIR = $(PREFIX)/lib/agentsh-exec
MANDIR = $(PREFIX)/share/man
SBINDIR = $(PREFIX)/sbin
SHAREDIR = $(PREFIX)/share/agentsh-exec
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
DOCDIR = $(PREFIX)/share/doc/agentsh-exec
UNITDIR = $(PREFIX)/lib/systemd/system
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
LOGROTATEDIR = $(SYSCONFDIR)/logrotate.d
CACHEDIR = $(LOCALSTATEDIR)/cache/agentsh-exec
B ?= build
CC ?= gcc

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Werror
# The loader's functions are guarded where they have an array of bytes, the sidecar's, below, where they have any
# array at all: that would be a thirtieth of the loader.
HARDENING = -fPIE -fstack-protector $(FORTIFY)
FORTIFY ?= -D_FORTIFY_SOURCE=2
# The loader is tiny: for size, without tables for exceptions that C does not have, and without stubs
# for calls that are bound before it starts.
OPTIMISE ?= -Oz -g -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-plt $(SMALLER)
SMALLER = $(if $(findstring clang,$(CC)),,-fno-move-loop-invariants -fno-tree-loop-im -fno-tree-dominator-opts \
	-fno-partial-inlining -fno-caller-saves -fno-tree-tail-merge -fno-forward-propagate -fno-thread-jumps \
	-fno-expensive-optimizations -fno-ipa-modref -fipa-pta $(UNALIGNED))
UNALIGNED := $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-malign-data=abi)
# Nor has the loader anything to do with floating point, whose registers gcc would take to zero memory by.
FLOATLESS = $(if $(SMALLER),$(if $(filter oci_profile trail_%,$*),,-mgeneral-regs-only))
CPPFLAGS += $(DEFINES) -D_GNU_SOURCE -Iloader -Ishim -DAGENTSH_VERSION='"$(VERSION)"' -DAGENTSH_SYSTEM_CONFIG='"$(SYSCONFDIR)/agentsh/agentsh.ini"' -DAGENTSH_CACHE='"$(CACHEDIR)"' -DAGENTSH_SIDECAR='"$(BINDIR)/agentsh-sidecar"' -DAGENTSH_SHIM='"$(SHIMDIR)/$(PRELOAD)"'
CFLAGS += -std=gnu17 $(OPTIMISE) $(WARNINGS) $(HARDENING) -ffunction-sections -fdata-sections $(SANITIZE)
LDFLAGS += -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--as-needed $(SANITIZE)

# The loader is linked as one piece, by gcc; its objects serve the other programs without that.
LTO ?= $(if $(findstring clang,$(CC))$(SANITIZE),,-flto=auto -ffat-lto-objects)
# Against musl: "make static" names the folder of scripts/static-deps. Some of musl's types are others (an ioctl's
# number, the alignment of control data), so conversions are the other builds' business.
ifdef MUSL
WARNINGS = -Wall -Wextra -Wshadow -Werror
DEFINES = -isystem $(MUSL)/include -include loader/musl.h
LDFLAGS += -L$(MUSL)/lib -s
FORTIFY =
endif

# Of the static ones; the dynamic one, whose start takes many times what a cache saves, is to be small.
WITH_CACHE = -Wl,-u,program_cache_find
# Pages between code and constants are a quarter of a small dynamic file; the static one, which is
# what gets installed, keeps them apart.
LOADER_LDFLAGS = $(if $(MUSL),$(WITH_CACHE),-Wl,-z,noseparate-code,-z,pack-relative-relocs,-z,nodynamic-undefined-weak,--build-id=none \
	-Wl,--no-ld-generated-unwind-info,--no-eh-frame-hdr $(if $(SANITIZE),,$(LOADER_START)))
# The C library's start without the compiler's, which is for constructors and for libraries that are unloaded: it has
# neither. (glibc's before 2.34 needs that one.)
START = $(shell $(CC) -print-file-name=Scrt1.o)
LOADER_START = $(if $(shell nm $(START) | grep csu),,-nostartfiles $(START))

# What is linked, and why: libseccomp compiles the filter, inih parses the INI; libyaml serves
# agentshctl flatten and nothing else; cJSON reads and writes the events, so the loader is without it; libmd
# has the SHA-256 by which session_start names a policy.
LOADER_LIBS = -lseccomp -linih
CTL_LIBS = $(LOADER_LIBS) -lyaml -lcjson
SIDECAR_LIBS = $(LOADER_LIBS) -lcjson -lmd -pthread

# One policy module and one filter module for every program. Every other file of loader/ is in the
# library that both programs and the unit tests link.
MAINS = exec ctl
SOURCES = $(filter-out loader/arena.c $(if $(MUSL),,loader/musl.c),$(wildcard loader/*.c))
MODULES = $(filter-out $(MAINS:%=loader/%.c),$(SOURCES))
LIBRARY = $(B)/libagentsh.a

# The sidecar is to be fast, not small: -O2 after the loader's -Oz.
SHIM_OPTIMISE ?= -O2 $(SMALLER:-fno-%=-f%) -fstack-protector-strong
# The same for the sidecar. Its library rests on the loader's, so it stands before that one in a link.
SHIM_MAINS = sidecar preload
SHIM_SOURCES = $(wildcard shim/*.c)
SHIM_MODULES = $(filter-out $(SHIM_MAINS:%=shim/%.c),$(SHIM_SOURCES))
SHIM_LIBRARY = $(B)/libagentsh-sidecar.a

# The preload library is a guest in programs of every kind: without a C library, the compiler's helpers, or pages that
# it does not need. Its relocations are such as musl's older dynamic linkers know.
PRELOAD = libagentsh-shim.so
PRELOAD_FLAGS = -std=gnu17 -Os $(WARNINGS) -ffreestanding -fPIC -fvisibility=hidden -fno-plt -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -D_GNU_SOURCE -U_FORTIFY_SOURCE -Iloader -Ishim
PRELOAD_LDFLAGS = -shared -nostdlib -Wl,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code,-z,defs,--build-id=none,-s

# A parallel build of two output folders must not share one: everything built is below $(B).
.PHONY: all
all: $(B)/agentsh-exec $(B)/agentshctl $(B)/agentsh-sidecar $(B)/$(PRELOAD) $(addprefix $(B)/static/,agentsh-exec agentsh-sidecar $(PRELOAD))

$(B)/%.o: loader/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(FLOATLESS) $(LTO) -MMD -MP -c -o $@ $<

# What is done for each byte of a policy, for speed: where that many bytes more are not seen.
HOT = ini_lines policy_value list rules number_tree
$(if $(MUSL),$(HOT:%=$(B)/%.o)): CFLAGS += -O2

# What a program is built by is part of its key in the cache.
PROGRAM_CACHE = $(B)/program_cache.o $(B)/fuzz/loader/program_cache.o
$(PROGRAM_CACHE): $(wildcard loader/*.[ch])
$(PROGRAM_CACHE): CPPFLAGS += -DAGENTSH_SOURCES='"$(shell cat $(sort $(wildcard loader/*.[ch])) | sha256sum | cut -c1-16)"'

# It is calloc(3).
$(B)/arena.o: CFLAGS += -fno-builtin

# It holds that file.
$(B)/ctl_init.o: conf/agentsh.ini

$(B)/shim/%.o: shim/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(SHIM_OPTIMISE) -MMD -MP -c -o $@ $<

# The service catalogue as C. Made anew beside itself: whoever includes it finds a whole one.
SERVICES_TABLE = $(B)/table/services_table.inc
$(SERVICES_TABLE): conf/services.ini scripts/services-table
	@mkdir -p $(@D)
	scripts/services-table $< >$@.new
	mv $@.new $@

$(B)/services.o: $(SERVICES_TABLE)
$(B)/services.o: CPPFLAGS += -I$(dir $(SERVICES_TABLE))

$(LIBRARY): $(MODULES:loader/%.c=$(B)/%.o)
	rm -f $@
	$(AR) rcs $@ $^

$(SHIM_LIBRARY): $(SHIM_MODULES:shim/%.c=$(B)/shim/%.o)
	rm -f $@
	$(AR) rcs $@ $^

$(B)/agentsh-exec: $(B)/exec.o $(if $(MUSL),$(B)/arena.o) $(LIBRARY)
	$(CC) $(CFLAGS) $(LTO) -pie $(LDFLAGS) $(LOADER_LDFLAGS) -o $@ $^ $(LOADER_LIBS)

# The same objects without a dynamic linker: the LD_PRELOAD of a hostile login means nothing to it.
$(B)/static/agentsh-exec: $(B)/exec.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static-pie $(LDFLAGS) $(WITH_CACHE) -o $@ $^ $(LOADER_LIBS)

$(B)/agentshctl: $(B)/ctl.o $(LIBRARY)
	$(CC) $(CFLAGS) -pie $(LDFLAGS) -o $@ $^ $(CTL_LIBS)

# Neither program has anything in common with a session's environment, so either may be dynamic; the
# static loader has the dynamic sidecar beside it, which its private one is.
$(B)/agentsh-sidecar: $(B)/shim/sidecar.o $(SHIM_LIBRARY) $(LIBRARY)
	$(CC) $(CFLAGS) -pie $(LDFLAGS) -o $@ $^ $(SIDECAR_LIBS)

$(B)/static/agentsh-sidecar: $(B)/agentsh-sidecar
	@mkdir -p $(@D)
	ln -sf ../agentsh-sidecar $@

# Without the sanitizers, too: those are the program's own business.
$(B)/$(PRELOAD): shim/preload.c shim/claim.h loader/attestation.h loader/handover.h loader/session.h loader/rules.h Makefile
	@mkdir -p $(@D)
	$(CC) $(PRELOAD_FLAGS) $(PRELOAD_LDFLAGS) -o $@ $<

$(B)/static/$(PRELOAD): $(B)/$(PRELOAD)
	@mkdir -p $(@D)
	ln -sf ../$(PRELOAD) $@

# The same programs against musl, for a root that has nothing else: an image of any libc, or of none.
STATIC = $(B)/musl
STATIC_PROGRAMS = agentsh-exec agentshctl agentsh-sidecar
.PHONY: static
static:
	musl=$$(scripts/static-deps) && $(MAKE) B='$(STATIC)' CC="gcc -specs=$$musl/specs" MUSL="$$musl" $(STATIC_PROGRAMS:%=$(STATIC)/%)

# The same for aarch64, on any machine.
STATIC_AARCH64 = $(B)/musl-aarch64
.PHONY: static-aarch64
static-aarch64:
	musl=$$(scripts/static-deps aarch64) && $(MAKE) B='$(STATIC_AARCH64)' CC="clang --config $$musl/clang.cfg" MUSL="$$musl" $(STATIC_PROGRAMS:%=$(STATIC_AARCH64)/%)

# Sidecars for tests and bench alone: $(B)/FOLDER/agentsh-sidecar, of which the files that name MACRO are compiled with
# FLAGS, and the others are those of every sidecar. $(call variant,FOLDER,MACRO,FLAGS)
naming = $(patsubst shim/%.c,%,$(shell grep -lw $(1) shim/*.c))
define variant
$(B)/$(1)/%.o: shim/%.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $(3) $$(CFLAGS) $$(SHIM_OPTIMISE) -MMD -MP -c -o $$@ $$<

$(B)/$(1)/agentsh-sidecar: $(patsubst %,$(B)/$(1)/%.o,$(call naming,$(2))) $(if $(filter sidecar,$(call naming,$(2))),,$(B)/shim/sidecar.o) $(SHIM_LIBRARY) $(LIBRARY)
	$$(CC) $$(CFLAGS) -pie $$(LDFLAGS) -o $$@ $$^ $$(SIDECAR_LIBS)
endef

# One that checks and then lets the target's own call go on, beside a loader that takes it.
$(eval $(call variant,weakened,AGENTSH_WEAKENED,-DAGENTSH_WEAKENED))
.PHONY: weakened
weakened: $(addprefix $(B)/weakened/,agentsh-exec agentsh-sidecar)
$(B)/weakened/agentsh-exec: $(B)/agentsh-exec
	@mkdir -p $(@D)
	cp $< $@

# A worker whose slots are in memory of its own, and are lost with it.
$(eval $(call variant,unslotted,AGENTSH_UNSLOTTED,-DAGENTSH_UNSLOTTED))
.PHONY: unslotted
unslotted: $(B)/unslotted/agentsh-sidecar

# Another version, and another layout of a session's memory: that is a matter of nearly every file.
$(eval $(call variant,later,AGENTSH_VERSION,-UAGENTSH_VERSION -DAGENTSH_VERSION='"$(VERSION)-later"'))
.PHONY: upgrades
upgrades: $(B)/later/agentsh-sidecar
	$(MAKE) B='$(B)/layout' VERSION='$(VERSION)-layout' DEFINES=-DAGENTSH_AREA_LATER=5 $(B)/layout/agentsh-sidecar

-include $(wildcard $(addprefix $(B)/,*.d shim/*.d unit/helpers/*.d fuzz/*/*.d weakened/*.d unslotted/*.d later/*.d))

# --- Tests: programs that bats files run, and units ---

PROGRAMS = $(patsubst tests/programs/%.c,$(B)/tests/%,$(wildcard tests/programs/*.c)) $(ATTACKERS) $(B)/tests/fault_points
ATTACKERS = $(B)/tests/attack $(B)/tests/outsider
OUTSIDER_SOURCES = tests/attackers/outsider.c tests/attackers/stage.c
ATTACK_SOURCES = $(filter-out tests/attackers/outsider.c,$(wildcard tests/attackers/*.c))
UNITS = $(patsubst tests/unit/test_%.c,$(B)/unit/test_%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS = $(patsubst tests/unit/%.c,$(B)/unit/helpers/%.o,$(filter-out $(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c)))
FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: test-programs unit-programs
test-programs: $(PROGRAMS)
unit-programs: $(UNITS)

$(B)/tests/%: tests/programs/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -pie -pthread -o $@ $<

# It names system calls.
$(B)/tests/fault_points: $(wildcard tests/faults/*.c) tests/faults/faults.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -pie -o $@ $(filter %.c,$^) -lseccomp

$(B)/tests/attack: $(ATTACK_SOURCES) tests/attackers/attack.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -pie -pthread -o $@ $(ATTACK_SOURCES)

$(B)/tests/outsider: $(OUTSIDER_SOURCES) tests/attackers/attack.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -pie -pthread -o $@ $(OUTSIDER_SOURCES)

# No C library: what an allow-list of two names can run.
$(B)/tests/nolibc_%: tests/programs/nolibc_%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARNINGS) -static -nostdlib -ffreestanding -fno-stack-protector -o $@ $<

UNIT_FLAGS = $(CPPFLAGS) -Itests/unit -DTEST_TOP='"$(CURDIR)"' $(CFLAGS)
$(B)/unit/helpers/%.o: tests/unit/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

$(B)/unit/test_%: tests/unit/test_%.c $(UNIT_HELPERS) $(SHIM_LIBRARY) $(LIBRARY) Makefile
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -pie $(LDFLAGS) -o $@ $< $(UNIT_HELPERS) $(SHIM_LIBRARY) $(LIBRARY) -lcmocka $(CTL_LIBS) $(SIDECAR_LIBS)

# By another name, so that "make -n" does not take these recipes for a make and run them.
MAKE_COMMAND_NAME = $(MAKE)
# The suites are in tests/run; each closes with "N passed, N failed".
.PHONY: check check-long check-kernels lint test
check: install-deps all
	CC=$(CC) MAKE='$(MAKE_COMMAND_NAME)' B='$(B)' tests/run check

check-long: install-deps-long all
	CC=$(CC) MAKE='$(MAKE_COMMAND_NAME)' B='$(B)' tests/run long

check-kernels: install-deps-kernels
	CC=$(CC) MAKE='$(MAKE_COMMAND_NAME)' B='$(B)' tests/run kernels

test: all test-programs unit-programs
	CC=$(CC) MAKE='$(MAKE_COMMAND_NAME)' B='$(B)' tests/run test

# The README's two commands, from nothing: an hour each, where the machine has nothing else to do.
.PHONY: check-fresh
check-fresh:
	B='$(B)' tests/fresh bookworm
	B='$(B)' tests/fresh trixie

lint:
	tests/lint

# The manual's table of what is promised where, from real runs.
.PHONY: places-table
places-table: all static test-programs
	AGENTSH_BUILD='$(abspath $(B))' tests/places/run '$(B)/places'
	tests/places/table '$(B)/places' loader/agentsh-exec.1

.PHONY: bench bench-plots bench-day bench-peers bench-figures demo install-deps install-deps-kernels install-deps-long install-deps-bench
BENCH = AGENTSH_BUILD='$(abspath $(B))' tests/bench
# The least that a loader can be, without and with a sidecar, to hold ours against.
LEAST = $(STATIC)/load_filter $(STATIC)/ask_twice $(STATIC)/hand_around
$(LEAST): $(STATIC)/%: tests/programs/%.c Makefile
	@mkdir -p $(@D)
	musl=$$(scripts/static-deps) && gcc -specs=$$musl/specs -isystem $$musl/include -D_GNU_SOURCE -std=gnu17 -O2 -static -s -o $@ $<

bench: all weakened unslotted test-programs static $(LEAST)
	$(BENCH)/calls

bench-plots: install-deps-bench all test-programs static
	$(BENCH)/scale

bench-day: install-deps all test-programs static
	$(BENCH)/day

bench-peers: all test-programs static
	tests/bench/install-peers '$(B)/peers'
	$(BENCH)/peers

# What is in tests/bench, and the README's table, anew: half an hour, for a machine that does nothing else.
bench-figures: bench bench-plots bench-day bench-peers
	$(BENCH)/record

demo: install-deps
	$(MAKE) -s all
	AGENTSH_BUILD='$(abspath $(B))' tests/demo

install-deps:
	scripts/install-deps

install-deps-kernels:
	scripts/install-deps kernels

install-deps-long:
	scripts/install-deps long

install-deps-bench:
	scripts/install-deps bench

# --- Fuzzing: clang's libFuzzer, with both sanitizers ---

FUZZ_FLAGS = -std=gnu17 -O1 -g $(WARNINGS) -fno-sanitize-recover=all
# Every module once, for all of them. The two folders may have files of the same name.
FUZZ_LIBRARY = $(B)/fuzz/libagentsh-sidecar.a $(B)/fuzz/libagentsh.a
.PHONY: fuzzers
fuzzers: $(FUZZERS:%=$(B)/fuzz/%)
$(B)/fuzz/%.o: %.c $(SERVICES_TABLE) Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -I$(dir $(SERVICES_TABLE)) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

$(B)/fuzz/libagentsh-sidecar.a: $(SHIM_MODULES:%.c=$(B)/fuzz/%.o)
$(B)/fuzz/libagentsh.a: $(MODULES:%.c=$(B)/fuzz/%.o)
$(FUZZ_LIBRARY):
	rm -f $@
	$(AR) rcs $@ $^

$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_LIBRARY) Makefile
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_LIBRARY) $(CTL_LIBS) $(SIDECAR_LIBS)

# --- Installing ---

EXAMPLES = $(wildcard conf/examples/*)
UNITS_OF_SYSTEMD = agentsh-sidecar.service agentsh-sidecar.socket
.PHONY: install uninstall
# Where "make static" has made them, loader and sidecar are those: they start in half the time of glibc's.
LOADER_INSTALLED = $(firstword $(wildcard $(STATIC)/agentsh-exec) $(B)/static/agentsh-exec)
SIDECAR_INSTALLED = $(firstword $(wildcard $(STATIC)/agentsh-sidecar) $(B)/agentsh-sidecar)
install: all $(if $(wildcard $(STATIC)/agentsh-exec),static)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SHIMDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(COMPLETIONDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(LOGROTATEDIR)
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(SHAREDIR)/sshd_config.d $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(TMPFILESDIR) $(DESTDIR)$(SYSUSERSDIR)
	install -m 755 -s $(LOADER_INSTALLED) $(DESTDIR)$(BINDIR)/agentsh-exec
	ln -sf agentsh-exec $(DESTDIR)$(BINDIR)/agentsh-shell
	install -m 755 -s $(B)/agentshctl $(DESTDIR)$(BINDIR)/agentshctl
# Not readable, so that the kernel lets no user trace it, not even before its main().
	install -m 711 -s $(SIDECAR_INSTALLED) $(DESTDIR)$(BINDIR)/agentsh-sidecar
	install -m 755 $(B)/$(PRELOAD) $(DESTDIR)$(SHIMDIR)/$(PRELOAD)
	install -m 755 conf/agentsh-runtime $(DESTDIR)$(BINDIR)/agentsh-runtime
	install -m 644 $(wildcard loader/*.1) $(DESTDIR)$(MANDIR)/man1
	ln -sf agentsh-exec.1 $(DESTDIR)$(MANDIR)/man1/agentsh-shell.1
	ln -sf agentshctl.1 $(DESTDIR)$(MANDIR)/man1/agentsh-runtime.1
	install -m 644 $(wildcard loader/*.5) $(DESTDIR)$(MANDIR)/man5
	install -m 644 $(wildcard shim/*.8 scripts/*.8) $(DESTDIR)$(MANDIR)/man8
	install -m 755 scripts/add-agent-user $(DESTDIR)$(SBINDIR)/add-agent-user
	install -m 644 conf/sshd_config.d/agentsh.conf $(DESTDIR)$(SHAREDIR)/sshd_config.d/agentsh.conf
	install -m 644 conf/docker-seccomp.json $(DESTDIR)$(SHAREDIR)/docker-seccomp.json
	install -m 644 loader/agentsh-exec.bash $(DESTDIR)$(COMPLETIONDIR)/agentsh-exec
	ln -sf agentsh-exec $(DESTDIR)$(COMPLETIONDIR)/agentshctl
	install -m 644 loader/agentsh-exec.zsh $(DESTDIR)$(ZSHDIR)/_agentsh-exec
	install -m 644 README.md LICENSE $(wildcard conf/*.ini) $(DESTDIR)$(DOCDIR)
	install -d $(DESTDIR)$(DOCDIR)/examples
	install -m 644 $(EXAMPLES) $(DESTDIR)$(DOCDIR)/examples
	chmod 755 $(DESTDIR)$(DOCDIR)/examples/claude-code-shell
	install -m 644 $(addprefix conf/,$(UNITS_OF_SYSTEMD)) $(DESTDIR)$(UNITDIR)
	sed -i 's,/usr/local/bin/,$(BINDIR)/,' $(DESTDIR)$(UNITDIR)/agentsh-sidecar.service
	install -m 644 conf/agentsh.logrotate $(DESTDIR)$(LOGROTATEDIR)/agentsh
	install -m 644 conf/agentsh.tmpfiles $(DESTDIR)$(TMPFILESDIR)/agentsh.conf
	install -m 644 conf/agentsh.sysusers $(DESTDIR)$(SYSUSERSDIR)/agentsh.conf

uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,agentsh-exec agentsh-runtime agentsh-shell agentsh-sidecar agentshctl)
	rm -f $(DESTDIR)$(SHIMDIR)/$(PRELOAD)
	rm -rf $(DESTDIR)$(CACHEDIR)
	if [ -d $(DESTDIR)$(SHIMDIR) ]; then rmdir --ignore-fail-on-non-empty $(DESTDIR)$(SHIMDIR); fi
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS_OF_SYSTEMD)) $(DESTDIR)$(LOGROTATEDIR)/agentsh $(addprefix $(DESTDIR),$(TMPFILESDIR)/agentsh.conf $(SYSUSERSDIR)/agentsh.conf)
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/,man1/agentsh-exec.1 man1/agentsh-runtime.1 man1/agentsh-shell.1 man1/agentshctl.1 man5/agentsh.ini.5 man8/agentsh-sidecar.8 man8/add-agent-user.8)
	rm -f $(DESTDIR)$(SBINDIR)/add-agent-user $(DESTDIR)$(SHAREDIR)/sshd_config.d/agentsh.conf $(DESTDIR)$(SHAREDIR)/docker-seccomp.json
	if [ -d $(DESTDIR)$(SHAREDIR) ]; then find $(DESTDIR)$(SHAREDIR) -depth -type d -empty -delete; fi
	rm -f $(addprefix $(DESTDIR)$(COMPLETIONDIR)/,agentsh-exec agentshctl) $(DESTDIR)$(ZSHDIR)/_agentsh-exec
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,README.md LICENSE $(notdir $(wildcard conf/*.ini)))
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/examples/,$(notdir $(EXAMPLES)))
	if [ -d $(DESTDIR)$(DOCDIR)/examples ]; then rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR)/examples; fi
	if [ -d $(DESTDIR)$(DOCDIR) ]; then rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR); fi

# --- Packages ---

# The same tree gives the same archive, wherever, whenever and by whomever it is made.
DIST = $(B)/agentsh-exec-$(VERSION).tar.gz
.PHONY: deb dist
dist:
	@mkdir -p $(B)
	scripts/dist agentsh-exec-$(VERSION) >$(DIST).new
	mv $(DIST).new $(DIST)

# Debian's packages, in $(B)/deb, from a copy of the tree with their files where dpkg-buildpackage looks for them.
deb: dist
	scripts/deb $(DIST) $(VERSION) $(B)/deb

.PHONY: clean help
clean:
	rm -rf $(B)

help:
	@echo 'make demo         build, then run real commands behind the default policy'
	@echo 'make check        build, then every test (check-long: fuzzing and check-kernels as well)'
	@echo 'make check-kernels  on Linux 5.10, 6.1, 6.12, 7.2, and 6.1 on aarch64, by qemu'
	@echo 'make check-fresh  demo and check, each in a Debian 12 and a 13 that have nothing else (as root)'
	@echo 'make bench        what it costs, as ratios (bench-plots: how that grows; bench-day: a day'\''s commands;'
	@echo '                  bench-peers: beside bubblewrap and others; bench-figures: all, into tests/bench and README)'
	@echo 'make places-table the table of promises and places in agentsh-exec(1), from real runs'
	@echo 'make static       the programs for images that have no C library, or another (static-aarch64: for aarch64)'
	@echo 'make install      PREFIX=$(PREFIX) DESTDIR= SYSCONFDIR=$(SYSCONFDIR)'
	@echo 'make deb          packages for Debian, in $(B)/deb'
	@echo 'make dist         the sources, as one archive'
	@echo 'make uninstall    what install has put there, and nothing else'
	@echo 'make lint         format, clang-tidy, cppcheck, shellcheck'
	@echo 'make clean'
