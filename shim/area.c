#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

static size_t texts_size(const struct area_session *session)
{
	size_t size = 0;

	for (size_t i = 0; i < TEXT_COUNT; i++)
		size += (size_t)session->lengths[i] + 1;
	return size;
}

/* The lengths are bounded by the conversation; here so that no sum of them can overflow. */
static bool is_sane(const struct area_session *session)
{
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (session->lengths[i] > POLICY_TEXT_MAX)
			return false;
	return memchr(session->id, '\0', sizeof(session->id)) != NULL;
}

static void fill(struct area *area, size_t size, const struct area_session *session, const char *texts)
{
	char *place = area->texts;

	area->magic = AREA_MAGIC;
	area->version = AREA_VERSION;
	area->size = size;
	area->session = *session;
	atomic_store(&area->next_seq, AREA_FIRST_SEQ + 1);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		memcpy(place, texts, session->lengths[i]);
		place += session->lengths[i] + 1; /* a new memfd is zero */
		texts += session->lengths[i];
	}
}

int area_create(const struct area_session *session, const char *texts, struct error *err)
{
	size_t size = sizeof(struct area) + texts_size(session);
	int memfd = memfd_create("agentsh-session", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct area *area;

	if (memfd < 0)
		return error_set(err, "session: memfd_create: %s", strerrordesc_np(errno));
	area = ftruncate(memfd, (off_t)size) == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0)
						  : MAP_FAILED;
	if (is_sane(session) && area != MAP_FAILED) {
		fill(area, size, session, texts);
		(void)munmap(area, size);
		if (fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
			return memfd;
	}
	(void)error_set(err, "session: its memory cannot be had: %s (raise its limits, as ulimit -f and -v)",
			strerrordesc_np(errno));
	close(memfd);
	return -1;
}

static bool is_whole(const struct area *area, size_t size)
{
	return area->magic == AREA_MAGIC && area->version == AREA_VERSION && area->size == size &&
	       is_sane(&area->session) && size == sizeof(*area) + texts_size(&area->session);
}

struct area *area_map(int memfd, struct error *err)
{
	struct stat status;
	struct area *area;
	size_t size;

	if (fstat(memfd, &status) != 0 || status.st_size < (off_t)sizeof(*area) || fcntl(memfd, F_GET_SEALS) != SEALS) {
		(void)error_set(err, "session: its memory is none");
		return NULL;
	}
	size = (size_t)status.st_size;
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (area == MAP_FAILED) {
		(void)error_set(err, "session: mmap: %s", strerrordesc_np(errno));
		return NULL;
	}
	if (is_whole(area, size))
		return area;
	(void)munmap(area, size);
	(void)error_set(err, "session: its memory is of another version");
	return NULL;
}

void area_unmap(struct area *area)
{
	(void)munmap(area, area->size);
}

const char *area_text(const struct area *area, enum handover_text which)
{
	const char *place = area->texts;

	for (size_t i = 0; i < (size_t)which; i++)
		place += area->session.lengths[i] + 1;
	return place;
}

uint64_t area_next_seq(struct area *area)
{
	return atomic_fetch_add(&area->next_seq, 1);
}
