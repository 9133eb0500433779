/*
 * A policy as a container runtime takes it: linux.seccomp of the OCI runtime specification (config-linux.md), which
 * Docker and podman take as a profile as well. Pure.
 */
#ifndef AGENTSH_OCI_PROFILE_H
#define AGENTSH_OCI_PROFILE_H

#include "config.h"
#include "error.h"

#define OCI_LISTENER "/run/agentsh/oci.sock" /* where nothing else is said */

/*
 * The profile as JSON (free(3) it), of this machine's architecture. listener: the path of a sidecar's socket for
 * runtimes, to which blocked and mediated calls are left, with the policy as its metadata; NULL: the kernel alone
 * applies it, and the policy is one that needs no sidecar. NULL and *err where a profile would be less than the policy.
 */
char *oci_profile(const struct config *config, const char *listener, struct error *err);

#endif
