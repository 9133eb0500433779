#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE      256 /* BINPRM_BUF_SIZE: what the kernel looks at */
#define NAME_SHOWN     512 /* of a name that is longer than any: the reason behind it must fit as well */
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
			strerror(error));
	return STATUS_NOT_EXECUTABLE;
}

static bool is_foreign(const unsigned char *head, size_t length)
{
	Elf32_Ehdr header;

	if (length < sizeof(header))
		return false;
	memcpy(&header, head, sizeof(header));
	return header.e_ident[EI_CLASS] == ELFCLASS32 &&
	       (header.e_machine == EM_386 || header.e_machine == EM_X86_64 || header.e_machine == EM_ARM);
}

static int judge_head(struct program *program, struct error *err)
{
	unsigned char head[HEAD_SIZE];
	size_t length = read_head(program->path, head);

	program->binary = length >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
	program->foreign = program->binary && is_foreign(head, length);
	if (length >= 2 && head[0] == '#' && head[1] == '!')
		return judge_script(program->path, head, length, err);
	return 0;
}

static int not_found(const char *name, int error, struct error *err)
{
	(void)error_set(err, "%.*s: %s (%s)", NAME_SHOWN, *name ? name : "''", strerror(error),
			error == ENOENT && !strchr(name, '/') ? "it is nowhere in PATH" : "name an executable file");
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

static int search_path(const char *name, const char *search, struct program *program, struct error *err)
{
	const char *directory = search;
	bool refused = false;
	int status = 0; /* of the first that was there, but whose head spoke against it; *err has it */

	for (;;) {
		size_t length = strcspn(directory, ":");
		int error = ENAMETOOLONG;

		if (length < PATH_MAX && join(program->path, directory, length, name))
			error = executable(program->path);
		if (error == 0) {
			int judged = judge_head(program, status ? NULL : err);

			if (judged == 0)
				return 0;
			status = judged;
		} else if (!goes_on(error) && error != ENAMETOOLONG) {
			/* A directory that is too long for a path is passed over, as execvp(3) does. */
			return not_found(name, error, err);
		}
		refused = refused || error == EACCES;
		if (directory[length] == '\0')
			return status ? status : not_found(name, refused ? EACCES : ENOENT, err);
		directory += length + 1;
	}
}

int program_find(const char *name, const char *search, struct program *program, struct error *err)
{
	int error;

	if (*name == '\0')
		return not_found(name, ENOENT, err);
	if (!strchr(name, '/'))
		return search_path(name, search ? search : DEFAULT_SEARCH, program, err);
	if (strlen(name) >= PATH_MAX)
		return not_found(name, ENAMETOOLONG, err);
	memcpy(program->path, name, strlen(name) + 1);
	error = executable(name);
	return error == 0 ? judge_head(program, err) : not_found(name, error, err);
}
