# agentsh-exec. See README.md; "make help" lists the targets.
VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions
DOCDIR = $(PREFIX)/share/doc/agentsh-exec
B ?= build
CC ?= gcc

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Werror
HARDENING = -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPTIMISE ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Iloader -DAGENTSH_VERSION='"$(VERSION)"' -DAGENTSH_SYSTEM_CONFIG='"$(SYSCONFDIR)/agentsh/agentsh.ini"'
CFLAGS += -std=gnu17 $(OPTIMISE) $(WARNINGS) $(HARDENING) -ffunction-sections -fdata-sections $(SANITIZE)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--as-needed $(SANITIZE)

# Linked: libseccomp compiles the filter, inih parses the INI; libyaml only for agentshctl flatten.
LOADER_LIBS = -lseccomp -linih
CTL_LIBS = -lseccomp -linih -lyaml

# One policy module and one filter module for every program.
POLICY_OBJECTS = error diagnostics list ini_lines policy_keys policy_value policy syscall_table rules filter config
LOADER_OBJECTS = $(POLICY_OBJECTS) invocation session environment descriptors program isolation exec
CTL_OBJECTS = $(POLICY_OBJECTS) lint explain flatten probe doctor ctl

objects = $(patsubst %,$(B)/%.o,$(1))

.PHONY: all
all: $(B)/agentsh-exec $(B)/agentshctl $(B)/static/agentsh-exec

$(B)/%.o: loader/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/agentsh-exec: $(call objects,$(LOADER_OBJECTS))
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LOADER_LIBS)

# The same objects without a dynamic linker: LD_PRELOAD of a hostile login means nothing to it.
$(B)/static/agentsh-exec: $(call objects,$(LOADER_OBJECTS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static-pie $(filter-out -pie,$(LDFLAGS)) -o $@ $^ $(LOADER_LIBS)

$(B)/agentshctl: $(call objects,$(CTL_OBJECTS))
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CTL_LIBS)

-include $(wildcard $(B)/*.d)

.PHONY: clean
clean:
	rm -rf $(B)
