/*
 * What a runtime is given to start a container (config.json of a bundle) or a process in one (runc's --process), and
 * what becomes of it for a policy to hold there: OCI runtime specification, config.md. Pure.
 */
#ifndef AGENTSH_OCI_BUNDLE_H
#define AGENTSH_OCI_BUNDLE_H

#include <stddef.h>

#include "error.h"

/*
 * The container's configuration with the profile (oci_profile) in it: no_new_privs is set, and of a profile that is
 * there already what is stricter stays. free(3) it; NULL and *err where it is none, or cannot have both.
 */
char *oci_bundle_apply(const char *text, size_t length, const char *profile, struct error *err);

/* A process that is executed in such a container: no_new_privs is set. The same. */
char *oci_process_apply(const char *text, size_t length, struct error *err);

#endif
