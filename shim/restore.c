#include "restore.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "listener.h"
#include "notify.h"
#include "store.h"

static void tell(const struct error *err)
{
	error_print(STDERR_FILENO, "agentsh-sidecar", err);
}

/* Its memory in our layout, also in the store, before a worker uses it. */
static int renew_area(struct kept *kept, uint32_t *number, struct error *err)
{
	int area = area_convert(kept->descriptors[KEPT_AREA], err);

	if (area < 0)
		return -1;
	if (area == kept->descriptors[KEPT_AREA])
		return 0;
	close(kept->descriptors[KEPT_AREA]);
	kept->descriptors[KEPT_AREA] = area;
	return kept_store(kept, ++*number, err);
}

static int judge(const struct kept *kept, struct error *err)
{
	struct stat root;

	if (!listener_is_one(kept->descriptors[KEPT_LISTENER]))
		return error_set(err, "session: its listener is none");
	if (fstat(kept->descriptors[KEPT_ROOT], &root) != 0 || !S_ISDIR(root.st_mode))
		return error_set(err, "session: its root is none");
	return 0;
}

/* NULL and *err where it is none. */
static struct kept *read_stored(int descriptor, uint32_t number, struct error *err)
{
	struct kept *kept = kept_make(0);

	if (!kept) {
		(void)error_set(err, "session: out of memory");
		return NULL;
	}
	kept->stored = number;
	if (number && store_read(descriptor, &kept->ticket, kept->descriptors, err) == 0 && judge(kept, err) == 0)
		return kept;
	if (!number)
		(void)error_set(err, "session: what was stored of it has a name that is none");
	kept_free(kept);
	return NULL;
}

static struct kept *find(struct kept *list, uint64_t ticket)
{
	while (list && list->ticket != ticket)
		list = list->next;
	return list;
}

static void let_go(struct kept *kept)
{
	store_remove(kept->stored);
	kept_free(kept);
}

/* There are two where the one before us ended while it replaced one: the later one holds. */
static void add(struct kept **list, struct kept *kept)
{
	struct kept *other = find(*list, kept->ticket);

	if (other && other->stored > kept->stored) {
		let_go(kept);
		return;
	}
	if (other) {
		kept_remove(list, other);
		let_go(other);
	}
	kept_insert(list, kept);
}

static void renew_all(struct kept **list, uint32_t *number)
{
	for (struct kept *kept = *list, *next; kept; kept = next) {
		struct error err;

		next = kept->next;
		if (renew_area(kept, number, &err) == 0)
			continue;
		tell(&err);
		kept_remove(list, kept);
		let_go(kept);
	}
}

struct kept *restore_sessions(int given, int except, uint32_t *number)
{
	const char *names = notify_names();
	struct kept *list = NULL;

	*number = 0;
	for (int descriptor = NOTIFY_FIRST; descriptor < NOTIFY_FIRST + given; descriptor++) {
		char name[NOTIFY_NAME_SIZE];
		struct kept *kept;
		struct error err;

		notify_next_name(&names, name);
		if (descriptor == except)
			continue;
		kept = read_stored(descriptor, store_number(name), &err);
		close(descriptor);
		if (store_number(name) > *number)
			*number = store_number(name);
		if (kept) {
			add(&list, kept);
			continue;
		}
		tell(&err);
		store_remove_named(name);
	}
	renew_all(&list, number);
	return list;
}
