#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE      256 /* BINPRM_BUF_SIZE: what the kernel looks at */
#define DEFAULT_SEARCH "/bin:/usr/bin"

/* 0 where execve(2) would try to run it, else its errno. */
static int executable(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode))
		return EACCES;
	/* Also sees a file system mounted noexec. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* Errors after which execvp(3) goes on with the next directory. */
static bool goes_on(int error)
{
	return error == EACCES || error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
	       error == ETIMEDOUT;
}

/* Joins one element of the search path (empty: the working directory) and the name. */
static bool join(char out[PATH_MAX], const char *directory, size_t length, const char *name)
{
	int written = snprintf(out, PATH_MAX, "%.*s%s%s", (int)length, directory, length ? "/" : "", name);

	return written > 0 && written < PATH_MAX;
}

/* 0 and the path, or the errno that execvp(3) would leave. */
static int search_path(const char *name, const char *search, char out[PATH_MAX])
{
	const char *directory = search;
	bool refused = false;

	for (;;) {
		size_t length = strcspn(directory, ":");
		int error = ENAMETOOLONG;

		if (length < PATH_MAX && join(out, directory, length, name))
			error = executable(out);
		if (error == 0)
			return 0;
		/* A directory that is too long for a path is passed over, as execvp(3) does. */
		if (!goes_on(error) && error != ENAMETOOLONG)
			return error;
		refused = refused || error == EACCES;
		if (directory[length] == '\0')
			return refused ? EACCES : ENOENT;
		directory += length + 1;
	}
}

static int find(const char *name, const char *search, char out[PATH_MAX])
{
	if (*name == '\0')
		return ENOENT;
	if (!strchr(name, '/'))
		return search_path(name, search ? search : DEFAULT_SEARCH, out);
	if (strlen(name) >= PATH_MAX)
		return ENAMETOOLONG;
	memcpy(out, name, strlen(name) + 1);
	return executable(out);
}

/* Reads the program's first bytes; 0 where it cannot be read: it may still be executed. */
static size_t read_head(const char *path, unsigned char *head)
{
	int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t length;

	if (descriptor < 0)
		return 0;
	length = read(descriptor, head, HEAD_SIZE);
	close(descriptor);
	return length > 0 ? (size_t)length : 0;
}

/* "#!" with an interpreter that is not there: the kernel would say no more than ENOENT. */
static int judge_script(const char *path, const unsigned char *head, size_t length, struct error *err)
{
	char interpreter[HEAD_SIZE + 1] = {0};
	size_t start = 2;
	size_t used = 0;
	int error;

	while (start < length && (head[start] == ' ' || head[start] == '\t'))
		start++;
	while (start + used < length && !strchr(" \t\n", head[start + used]))
		used++;
	/* Cut off by the end of what the kernel reads: left to the kernel, as is an empty one. */
	if (used == 0 || start + used == length)
		return 0;
	memcpy(interpreter, head + start, used);
	error = executable(interpreter);
	if (error == 0)
		return 0;
	(void)error_set(err, "%s: its interpreter %s: %s (install it, or mend the first line)", path, interpreter,
			strerrordesc_np(error));
	return STATUS_NOT_EXECUTABLE;
}

/* A program of the 32-bit sibling: its first system call would be its last. */
static int judge_binary(const char *path, const unsigned char *head, size_t length, struct error *err)
{
	Elf32_Ehdr header;

	if (length < sizeof(header))
		return 0;
	memcpy(&header, head, sizeof(header));
	if (header.e_ident[EI_CLASS] != ELFCLASS32 ||
	    (header.e_machine != EM_386 && header.e_machine != EM_X86_64 && header.e_machine != EM_ARM))
		return 0;
	(void)error_set(err, "%s: a 32-bit program, whose system calls the filter refuses (use a 64-bit build)", path);
	return STATUS_NOT_EXECUTABLE;
}

static int judge_head(struct program *program, struct error *err)
{
	unsigned char head[HEAD_SIZE];
	size_t length = read_head(program->path, head);

	program->binary = length >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
	if (program->binary)
		return judge_binary(program->path, head, length, err);
	if (length >= 2 && head[0] == '#' && head[1] == '!')
		return judge_script(program->path, head, length, err);
	return 0;
}

int program_find(const char *name, const char *search, struct program *program, struct error *err)
{
	int error = find(name, search, program->path);

	if (error == 0)
		return judge_head(program, err);
	(void)error_set(err, "%s: %s (%s)", *name ? name : "''", strerrordesc_np(error),
			error == ENOENT && !strchr(name, '/') ? "it is nowhere in PATH" : "name an executable file");
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}
