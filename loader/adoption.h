/*
 * A process forked twice becomes the child of whoever adopts orphans: prctl(2), PR_SET_CHILD_SUBREAPER.
 * That must not be the target, which the caller of the loader may have made one of those.
 */
#ifndef AGENTSH_ADOPTION_H
#define AGENTSH_ADOPTION_H

#include <stdbool.h>

/* Stops adopting. Returns whether it did, for adoption_resume(). */
bool adoption_suspend(void);

/* As it was before. */
void adoption_resume(bool adopts);

#endif
