/*
 * still.c - a shell for tests that needs no library, memory, descriptor or
 * process. It writes that it runs, and waits for the end of its input.
 */
static long call(long number, long a, const void *b, long c)
{
	long result;

#if defined __x86_64__
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#elif defined __aarch64__
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = c;
	register const void *x1 __asm__("x1") = b;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	result = x0;
#endif
	return result;
}

#if defined __x86_64__
enum { READ = 0, WRITE = 1, EXIT = 60 };
#else
enum { READ = 63, WRITE = 64, EXIT = 93 };
#endif

void _start(void)
{
	char byte;

	call(WRITE, 1, "in\n", 3);
	while (call(READ, 0, &byte, 1) > 0)
		;
	call(EXIT, 3, 0, 0);
}
