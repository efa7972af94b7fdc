package engine

/*
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t reserve = (size_t)8 << 30; // for the working memory of programs
static const size_t small = (size_t)256 << 20; // larger than a program's outputs
enum { smalls = 8 };

// keep_memory makes glibc hold on to what the plugin frees, in huge pages.
// By default a program's buffers are mapped afresh for every call and unmapped
// after it, and the kernel clears each of their pages again at every step.
// It runs before any thread starts: a thread keeps the arena it first used.
//
// glibc takes the smallest free piece that a request fits into. So a few pieces
// are set apart below the reserve: the compiler's objects and the outputs of a
// call settle there, where they would otherwise break a bit off the piece in
// which the next call's working memory, as large as the last one's, should lie.
__attribute__((constructor)) static void keep_memory(void) {
#ifdef __GLIBC__
	const char *choice = getenv("NOISEBOOK_KEEP_MEMORY");
	if (choice != NULL && strcmp(choice, "0") == 0) return;
	mallopt(M_ARENA_MAX, 1); // only the first arena can grow beyond 64 MiB
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, -1);

	// Grow the arena once. This takes address space, not memory: no page
	// exists before it is written to.
	void *pieces[smalls];
	for (int i = 0; i < smalls; i++) {
		pieces[i] = malloc(small);
		if (malloc(4096) == NULL) return; // stays, so that the pieces do not grow together
	}
	for (int i = 0; i < smalls; i++) free(pieces[i]);
	char *block = malloc(reserve);
	if (block == NULL) return;
	const uintptr_t huge = 2 << 20;
	uintptr_t from = ((uintptr_t)block + huge) & ~(huge - 1);
	uintptr_t to = ((uintptr_t)block + reserve) & ~(huge - 1);
	madvise((void *)from, to - from, MADV_HUGEPAGE);
	free(block);
#endif
}

// trim gives the system the pages of all free pieces but the last, the reserve.
static void trim(void) {
#ifdef __GLIBC__
	malloc_trim(reserve);
#endif
}

static int64_t allocated(void) {
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
	return (int64_t)mallinfo2().uordblks;
#endif
#endif
	return 0;
}
*/
import "C"

// trim gives unused pages of the C heap back to the system, those of a call's
// working memory excepted: what the compiler leaves behind is many times what a
// step needs beside that.
func trim() { C.trim() }

// allocated is how many bytes of the C heap are in use, 0 where that is not known.
func allocated() int64 { return int64(C.allocated()) }
