#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* User ids that no process has: beyond what is given to users and to containers (systemd's UIDS-GIDS.md). */
#define APART            0x80000000U
#define APART_FOR_OTHERS 0xfffffffdU

#define STATUS_MAX  ((size_t)1024 * 1024) /* 65,536 groups of 11 characters, and the rest */
#define STATUS_ROOM 4096U                 /* enough but for very many groups */

/* Reads all of it into text, which has room bytes. Returns the length; room: there is more; 0: it is gone. */
static size_t read_status(int status, char *text, size_t room)
{
	size_t used = 0;

	while (used < room) {
		ssize_t length = pread(status, text + used, room - used, (off_t)used);

		if (length <= 0)
			return length < 0 ? 0 : used;
		used += (size_t)length;
		/* Less than there was room for: procfs gives all that it has. */
		if (used < room)
			return used;
	}
	return room;
}

/* What follows "\nKEY:" on its line, or NULL. A comm cannot forge one: a newline in it is escaped. */
static const char *value_of(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? line + strlen(key) : NULL;
}

static bool read_four(const char *status, const char *key, unsigned numbers[4])
{
	const char *value = value_of(status, key);

	if (!value)
		return false;
	for (int i = 0; i < 4; i++) {
		char *end;

		numbers[i] = (unsigned)strtoul(value, &end, 10);
		if (end == value)
			return false;
		value = end;
	}
	return true;
}

static bool read_hex(const char *status, const char *key, uint64_t *number)
{
	const char *value = value_of(status, key);

	if (value)
		*number = strtoull(value, NULL, 16);
	return value != NULL;
}

static bool read_groups(const char *status, struct credentials *credentials)
{
	const char *value = value_of(status, "\nGroups:");
	const char *end = value ? strchr(value, '\n') : NULL;
	size_t most;

	if (!end)
		return false;
	most = (size_t)(end - value) / 2 + 1;
	credentials->groups = calloc(most, sizeof(gid_t));
	if (!credentials->groups)
		return false;
	while (credentials->group_count < most) {
		char *next;
		unsigned long group = strtoul(value, &next, 10);

		if (next == value || next > end)
			break;
		credentials->groups[credentials->group_count++] = (gid_t)group;
		value = next;
	}
	return true;
}

/* The last number of a line; 0: there is none. */
static pid_t last_number(const char *value)
{
	long number = 0;
	char *end;

	if (!value)
		return 0;
	while (*value != '\n' && *value != '\0') {
		long next = strtol(value, &end, 10);

		if (end == value)
			break;
		number = next;
		value = end;
	}
	return (pid_t)number;
}

static bool parse(const char *status, struct credentials *credentials)
{
	unsigned uids[4];
	unsigned gids[4];
	const char *mask = value_of(status, "\nUmask:");

	if (!read_four(status, "\nUid:", uids) || !read_four(status, "\nGid:", gids) ||
	    !read_hex(status, "\nCapEff:", &credentials->effective) ||
	    !read_hex(status, "\nCapPrm:", &credentials->permitted) || !read_groups(status, credentials))
		return false;
	credentials->ruid = uids[0];
	credentials->euid = uids[1];
	credentials->suid = uids[2];
	credentials->fsuid = uids[3];
	credentials->rgid = gids[0];
	credentials->egid = gids[1];
	credentials->sgid = gids[2];
	credentials->fsgid = gids[3];
	credentials->tgid = last_number(value_of(status, "\nTgid:"));
	credentials->ns_tgid = last_number(value_of(status, "\nNStgid:"));
	credentials->mask = mask ? (mode_t)strtoul(mask, NULL, 8) : 0077;
	return true;
}

/* With very many groups it is longer than most. */
static int read_long_status(int status, struct credentials *credentials)
{
	char *text = malloc(STATUS_MAX);
	size_t length = text ? read_status(status, text, STATUS_MAX) : 0;
	bool parsed = false;

	if (length > 0 && length < STATUS_MAX) {
		text[length] = '\0';
		parsed = parse(text, credentials);
	}
	free(text);
	return parsed ? 0 : ESRCH;
}

int credentials_read_status(int status, struct credentials *credentials)
{
	char text[STATUS_ROOM];
	size_t length = read_status(status, text, sizeof(text));
	int error = ESRCH;

	*credentials = (struct credentials){0};
	if (length == sizeof(text)) {
		error = read_long_status(status, credentials);
	} else if (length > 0) {
		text[length] = '\0';
		error = parse(text, credentials) ? 0 : ESRCH;
	}
	if (error)
		credentials_free(credentials);
	return error;
}

int credentials_read(int directory, struct credentials *credentials)
{
	int status = openat(directory, "status", O_RDONLY | O_CLOEXEC);
	int error;

	*credentials = (struct credentials){0};
	if (status < 0)
		return ESRCH;
	error = credentials_read_status(status, credentials);
	close(status);
	return error;
}

void credentials_free(struct credentials *credentials)
{
	free(credentials->groups);
	credentials->groups = NULL;
	credentials->group_count = 0;
}

bool credentials_are_of(const struct credentials *credentials, uid_t uid)
{
	return credentials->ruid == uid && credentials->euid == uid && credentials->suid == uid &&
	       credentials->fsuid == uid;
}

static bool same_groups(const struct credentials *a, const struct credentials *b)
{
	return a->group_count == b->group_count &&
	       (a->group_count == 0 || memcmp(a->groups, b->groups, a->group_count * sizeof(gid_t)) == 0);
}

bool credentials_same_ids(const struct credentials *a, const struct credentials *b)
{
	return a->euid == b->euid && a->fsuid == b->fsuid && a->egid == b->egid && a->fsgid == b->fsgid &&
	       same_groups(a, b);
}

/* The thread's own: glibc's would be the whole process's. */
static int set_effective(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int half = 0; half < 2; half++) {
		data[half] = (struct __user_cap_data_struct){
		    .effective = (uint32_t)(effective >> (32 * half)),
		    .permitted = (uint32_t)(permitted >> (32 * half)),
		};
	}
	return (int)syscall(SYS_capset, &header, data);
}

/* setfsuid(2) and setfsgid(2) do not tell whether they have done it: asked of no id, they tell what it is. */
static bool set_file_system_ids(const struct credentials *to)
{
	(void)syscall(SYS_setfsgid, to->fsgid);
	(void)syscall(SYS_setfsuid, to->fsuid);
	return (gid_t)syscall(SYS_setfsgid, -1) == to->fsgid && (uid_t)syscall(SYS_setfsuid, -1) == to->fsuid;
}

/* permitted: our capabilities, which a change of the effective uid may have taken out of effect. */
static int set_ids(const struct credentials *to, uint64_t permitted)
{
	if (syscall(SYS_setgroups, to->group_count, to->groups) != 0 || syscall(SYS_setresgid, -1, to->egid, -1) != 0 ||
	    syscall(SYS_setresuid, -1, to->euid, -1) != 0)
		return -1;
	if (to->fsgid == to->egid && to->fsuid == to->euid)
		return 0;
	if (permitted && set_effective(permitted, permitted) != 0)
		return -1;
	return set_file_system_ids(to) ? 0 : -1;
}

/* Never more than the target has, nor than we have. */
static uint64_t capabilities_of(const struct credentials *target, bool foreign, const struct credentials *own)
{
	return foreign ? 0 : target->effective & own->permitted;
}

static uint64_t wanted_of(const struct credentials *target, bool foreign, uint64_t also, const struct credentials *own)
{
	return capabilities_of(target, foreign, own) | (also & own->permitted);
}

bool credentials_differ(const struct credentials *target, bool foreign, uint64_t also, const struct credentials *own)
{
	return !credentials_same_ids(target, own) || wanted_of(target, foreign, also, own) != own->effective;
}

int credentials_take(const struct credentials *target, bool foreign, uint64_t also, const struct credentials *own)
{
	uint64_t wanted = wanted_of(target, foreign, also, own);

	if (!credentials_same_ids(target, own) && set_ids(target, own->permitted) != 0) {
		if (!credentials_return(target, own))
			_exit(EXIT_FAILURE); /* half of one and half of the other: nothing may be done like that */
		return EACCES;
	}
	if (own->permitted == 0 || set_effective(own->permitted, wanted) == 0)
		return 0;
	if (!credentials_return(target, own))
		_exit(EXIT_FAILURE);
	return EACCES;
}

bool credentials_return(const struct credentials *target, const struct credentials *own)
{
	/* The saved uid is ours still, so the effective one may be; then the capabilities are back to be had. */
	if (!credentials_same_ids(target, own)) {
		if (syscall(SYS_setresuid, -1, own->suid, -1) != 0)
			return false;
		if (own->permitted && set_effective(own->permitted, own->permitted) != 0)
			return false;
		if (set_ids(own, own->permitted) != 0)
			return own->permitted == 0; /* without any there was nothing that could be changed */
	}
	return own->permitted == 0 || set_effective(own->permitted, own->effective) == 0;
}

bool credentials_count_for(uid_t uid)
{
	return syscall(SYS_setresuid, uid < APART ? APART + uid : APART_FOR_OTHERS, -1, -1) == 0;
}

void credentials_count_again(const struct credentials *own)
{
	if (syscall(SYS_setresuid, own->ruid, -1, -1) != 0)
		_exit(EXIT_FAILURE); /* what it sends from here on would show another */
}

bool credentials_adopt(const struct credentials *target, struct credentials *own)
{
	struct credentials adopted = *own;

	if (own->permitted == 0 || credentials_same_ids(target, own))
		return true;
	adopted.groups = calloc(target->group_count ? target->group_count : 1, sizeof(gid_t));
	if (!adopted.groups)
		return true; /* it works without */
	if (target->group_count)
		memcpy(adopted.groups, target->groups, target->group_count * sizeof(gid_t));
	adopted.group_count = target->group_count;
	adopted.euid = target->euid;
	adopted.fsuid = target->fsuid;
	adopted.egid = target->egid;
	adopted.fsgid = target->fsgid;
	if (set_ids(&adopted, own->permitted) != 0 || set_effective(own->permitted, own->effective) != 0) {
		free(adopted.groups);
		return credentials_return(target, own);
	}
	free(own->groups);
	*own = adopted;
	return true;
}
