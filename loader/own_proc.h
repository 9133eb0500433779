/*
 * What the kernel says of this very process: proc(5), by /proc/self.
 */
#ifndef AGENTSH_OWN_PROC_H
#define AGENTSH_OWN_PROC_H

/*
 * Opens /proc/self/NAME with flags (O_CLOEXEC is added). Only where /proc is one, and nothing is mounted upon it on the
 * way there: another process's directory, or anybody's invention, would say that nothing is open. The descriptor is the
 * caller's; -1: errno, EXDEV where it is none of the kernel's. openat2(2), Linux 5.6.
 */
int own_proc_open(const char *name, int flags);

#endif
