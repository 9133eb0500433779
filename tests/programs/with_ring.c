/* with_ring COMMAND...: runs it with an io_uring of ours as its descriptor 40. */
#include <err.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACE 40

int main(int argc, char **argv)
{
	struct io_uring_params parameters = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 8, &parameters);

	if (argc < 2 || ring < 0 || dup2(ring, PLACE) != PLACE)
		err(2, "io_uring");
	execvp(argv[1], argv + 1);
	err(2, "%s", argv[1]);
}
