/*
 * Writing to an open file that others have too, without waiting: O_NONBLOCK would be theirs as well.
 */
#ifndef AGENTSH_NOWAIT_H
#define AGENTSH_NOWAIT_H

#include <stddef.h>
#include <sys/types.h>

/*
 * As write(2) to a file with O_NONBLOCK, and perhaps with fewer bytes: pipes know RWF_NOWAIT from
 * Linux 6.4 on; else a pipe or terminal that polls writable has room, a pipe for PIPE_BUF.
 * A regular file makes nobody wait.
 */
ssize_t nowait_write(int descriptor, const char *bytes, size_t length);

#endif
