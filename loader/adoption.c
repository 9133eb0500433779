#include "adoption.h"

#include <sys/prctl.h>

bool adoption_suspend(void)
{
	int adopts = 0;

	if (prctl(PR_GET_CHILD_SUBREAPER, &adopts, 0, 0, 0) != 0 || !adopts)
		return false;
	return prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0;
}

void adoption_resume(bool adopts)
{
	if (adopts)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
