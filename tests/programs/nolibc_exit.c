/*
 * Exits with 42. Needs execve and exit_group, and no other system call. For i386 and arm as well, with no headers of
 * theirs: the foreign programs of tests/kernels.
 */
#if defined(__x86_64__) || defined(__aarch64__)
#include <sys/syscall.h>
#endif

void _start(void);

void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(42) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_exit_group;
	register long x0 __asm__("x0") = 42;

	__asm__ volatile("svc 0" : : "r"(x8), "r"(x0) : "memory");
#elif defined(__i386__)
	__asm__ volatile("int $0x80" : : "a"(252), "b"(42) : "memory");
#elif defined(__arm__)
	register long r7 __asm__("r7") = 248;
	register long r0 __asm__("r0") = 42;

	__asm__ volatile("svc 0" : : "r"(r7), "r"(r0) : "memory");
#endif
	for (;;)
		;
}
