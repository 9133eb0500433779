/*
 * A policy as a container runtime takes it: linux.seccomp of the OCI runtime specification (config-linux.md), which
 * Docker and podman take as a profile as well. Pure.
 */
#ifndef AGENTSH_OCI_PROFILE_H
#define AGENTSH_OCI_PROFILE_H

#include <stdbool.h>

#include "config.h"
#include "error.h"

#define OCI_LISTENER "/run/agentsh/oci.sock" /* where nothing else is said */

/* To whom blocked and mediated calls are left, with the policy as its metadata. */
struct oci_listener {
	const char *path;   /* a sidecar's socket for runtimes; NULL: the kernel alone applies the policy */
	bool wait_killable; /* the runtime is to make it with that flag (wait_killable.h), or to begin no container */
};

/*
 * The profile as JSON (free(3) it), of this machine's architecture. Without a listener's path the policy is one that
 * needs no sidecar, and there is no call for which the flag would be. NULL and *err where a profile would be less than
 * the policy.
 */
char *oci_profile(const struct config *config, const struct oci_listener *listener, struct error *err);

#endif
