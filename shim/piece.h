/*
 * The beginning of a line that a kill in the middle of a write(2) has left in a trail: the kernel leaves such a write
 * between two pages. The line itself is written anew by whoever follows, and what was appended meanwhile, by whatever
 * session, stands behind the piece.
 */
#ifndef AGENTSH_PIECE_H
#define AGENTSH_PIECE_H

#include "sink.h"

/*
 * Makes a line of its own of each piece (sink_blank) in the last 64 KiB before the end of what this sink has written:
 * nobody is writing there any more. After its first line, and with no other thread that writes. Does nothing where the
 * destination is no regular file, cannot be read, or where nothing has been written by it.
 */
void piece_mend(const struct sink *sink);

#endif
