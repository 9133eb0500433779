#include "system_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Without the last it would be of no use as another user: it could take no listener of anybody's. */
#define NEEDS ((1ULL << CAP_SETUID) | (1ULL << CAP_SETGID) | (1ULL << CAP_SYS_PTRACE))

bool system_user_find(FILE *passwd, struct system_user *user)
{
	const struct passwd *entry = fgetpwent(passwd);

	while (entry && strcmp(entry->pw_name, SYSTEM_USER) != 0)
		entry = fgetpwent(passwd);
	if (!entry || entry->pw_uid == 0 || entry->pw_gid == 0)
		return false;
	*user = (struct system_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	return true;
}

static bool may_become_another(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 && (data[0].permitted & NEEDS) == NEEDS;
}

static bool is_there(struct system_user *user)
{
	FILE *passwd = fopen(SYSTEM_USER_FILE, "re");
	bool found = passwd && system_user_find(passwd, user);

	if (passwd)
		(void)fclose(passwd);
	return found;
}

int system_user_become(struct error *err)
{
	struct system_user user;

	if (!may_become_another() || !is_there(&user))
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
	    setresgid(user.gid, user.gid, user.gid) == 0 && setresuid(user.uid, user.uid, user.uid) == 0)
		return 0;
	return error_set(err, "the broker is not the user " SYSTEM_USER ", and goes on as root: %s", strerror(errno));
}
