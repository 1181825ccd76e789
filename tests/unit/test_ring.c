// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_ring.c - what a kernel would have written into a ring buffer is handed over
 * once, whole and in its order, wherever in the buffer it lies; what is not
 * finished, or was given up, is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>

#include "ring.h"

#define SIZE 64

static __u8 *buffer; /* of its own, so that a byte too many is seen */
static unsigned long ours, theirs;
static struct ring ring;

static char got[256]; /* everything that was handed over, with a bar behind each */
static int answer;    /* to the next */

static int setup(void **state)
{
	(void)state;
	buffer = calloc(1, SIZE);
	ring = (struct ring){ .data = buffer, .size = SIZE, .consumer = &ours, .producer = &theirs };
	got[0] = '\0';
	answer = 0;
	return buffer ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(ring.piece);
	free(buffer);
	return 0;
}

/* Nothing is there, and what comes next lies there. */
static void begin_at(unsigned long at)
{
	ours = theirs = at;
}

/* As the kernel does, byte by byte. Returns where it lies. */
static unsigned long write_record(const char *text, __u32 bits)
{
	unsigned long at = theirs;
	__u32 head = strlen(text) | bits;

	memcpy(buffer + at % SIZE, &head, sizeof(head));
	for (size_t i = 0; text[i]; i++)
		buffer[(at + BPF_RINGBUF_HDR_SZ + i) % SIZE] = text[i];
	theirs += (BPF_RINGBUF_HDR_SZ + strlen(text) + 7) / 8 * 8;
	assert_true(theirs - ours <= SIZE);
	return at;
}

static int take(void *ctx, const void *data, size_t size)
{
	assert_ptr_equal(ctx, &ring);
	assert_int_equal((uintptr_t)data % 8, 0);
	strncat(got, data, size);
	strcat(got, "|");
	return answer;
}

static int consume(unsigned int most)
{
	return ring_consume(&ring, most, take, &ring);
}

static void test_in_order(void **state)
{
	(void)state;
	begin_at(0);
	assert_int_equal(consume(10), 0);
	write_record("one", 0);
	write_record("twelve bytes", 0);
	assert_int_equal(consume(10), 2);
	assert_string_equal(got, "one|twelve bytes|");
	assert_int_equal(ours, theirs);
	assert_int_equal(consume(10), 0);
}

/* Wherever its start lies. Positions have only grown since long. */
static void test_everywhere(void **state)
{
	(void)state;
	for (unsigned long at = 0; at < SIZE; at += 8) {
		begin_at((1UL << 40) + at);
		got[0] = '\0';
		write_record("abcdefghijklmnopqrstuvwxyz0123456789", 0);
		write_record("next", 0);
		assert_int_equal(consume(10), 2);
		assert_string_equal(got, "abcdefghijklmnopqrstuvwxyz0123456789|next|");
		assert_int_equal(ours, theirs);
	}
}

static void test_unfinished(void **state)
{
	unsigned long at;
	__u32 head = 4;

	(void)state;
	begin_at(SIZE - 16);
	write_record("first", 0);
	at = write_record("late", BPF_RINGBUF_BUSY_BIT);
	write_record("behind", 0);
	assert_int_equal(consume(10), 1);
	assert_int_equal(consume(10), 0);
	assert_string_equal(got, "first|");
	assert_int_equal(ours, at);
	memcpy(buffer + at % SIZE, &head, sizeof(head));
	assert_int_equal(consume(10), 2);
	assert_string_equal(got, "first|late|behind|");
}

static void test_given_up(void **state)
{
	(void)state;
	begin_at(8);
	write_record("gone", BPF_RINGBUF_DISCARD_BIT);
	write_record("there", 0);
	write_record("gone, too", BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(consume(10), 1);
	assert_string_equal(got, "there|");
	assert_int_equal(ours, theirs);
}

static void test_no_more_than_asked(void **state)
{
	(void)state;
	begin_at(0);
	write_record("a", 0);
	write_record("b", 0);
	write_record("c", 0);
	assert_int_equal(consume(2), 2);
	assert_string_equal(got, "a|b|");
	assert_int_equal(consume(2), 1);
	assert_string_equal(got, "a|b|c|");
}

/* Who stops it has had the record. */
static void test_stopped(void **state)
{
	(void)state;
	begin_at(0);
	write_record("a", 0);
	write_record("b", 0);
	answer = -ECANCELED;
	assert_int_equal(consume(10), -ECANCELED);
	answer = 0;
	assert_int_equal(consume(10), 1);
	assert_string_equal(got, "a|b|");
}

/* What is no ring buffer is refused; what was never opened can be closed. */
static void test_not_open(void **state)
{
	struct ring none = {};

	(void)state;
	assert_int_equal(ring_open(&none, -1, 4096), -EBADF);
	assert_null(none.consumer);
	ring_close(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfinished, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_than_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test(test_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
