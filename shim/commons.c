#include "commons.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

int commons_create(void)
{
	int memfd = memfd_create("agentsh-commons", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd >= 0 && ftruncate(memfd, sizeof(struct commons)) == 0 && fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
		return memfd;
	if (memfd >= 0)
		close(memfd);
	return -1;
}

struct commons *commons_map(int memfd)
{
	struct stat status;
	void *commons;

	if (fstat(memfd, &status) != 0 || status.st_size != (off_t)sizeof(struct commons) ||
	    fcntl(memfd, F_GET_SEALS) != SEALS)
		return NULL;
	commons = mmap(NULL, sizeof(struct commons), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	return commons == MAP_FAILED ? NULL : commons;
}

/* FNV-1a. Two names of one key cost a question more, no wrong answer. */
static uint64_t key_of_bytes(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t key = 0xcbf29ce484222325U;

	for (size_t i = 0; i < length; i++)
		key = (key ^ at[i]) * 0x100000001b3U;
	return key;
}

static uint64_t key_of_inode(const struct stat *status)
{
	const uint64_t place[2] = {status->st_dev, status->st_ino};

	return key_of_bytes(place, sizeof(place));
}

void commons_add(struct commons *commons, int socket, const struct stat *status, const char *name, size_t length)
{
	struct commons_entry *entry = &commons->entries[atomic_fetch_add(&commons->next, 1) % COMMONS_ENTRIES];
	struct stat about;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fstat(socket, &about) != 0 || getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
		return;
	atomic_store(&entry->cookie, 0);
	atomic_store(&entry->socket, about.st_ino);
	atomic_store(&entry->key, status ? key_of_inode(status) : key_of_bytes(name, length));
	atomic_store(&entry->cookie, cookie);
}

/* The next entry of that key from *place on; false: there is none. */
static bool find(struct commons *commons, uint64_t key, unsigned *place, struct socket_identity *identity)
{
	for (; *place < COMMONS_ENTRIES; (*place)++) {
		struct commons_entry *entry = &commons->entries[*place];

		identity->cookie = atomic_load(&entry->cookie);
		if (identity->cookie == 0 || atomic_load(&entry->key) != key)
			continue;
		identity->inode = (ino_t)atomic_load(&entry->socket);
		(*place)++;
		return true;
	}
	return false;
}

bool commons_have_path(struct commons *commons, struct socket_diag *diag, const struct stat *status)
{
	struct socket_identity identity;
	unsigned place = 0;

	while (find(commons, key_of_inode(status), &place, &identity))
		if (socket_diag_is_bound_to(diag, &identity, status))
			return true;
	return false;
}

bool commons_have_abstract(struct commons *commons, struct socket_diag *diag, const char *name, size_t length,
			   struct socket_identity *which)
{
	unsigned place = 0;

	while (find(commons, key_of_bytes(name, length), &place, which))
		if (socket_diag_is_named(diag, which, name, length))
			return true;
	return false;
}
