// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pieces of a pool: apart from each other, aligned, given out again, and all
 * gone at the end. As the product has it, and not as the sanitizers want it.
 */
#undef POOL_LARGEST
#define POOL_LARGEST 512
#define pool_take our_take
#define pool_give our_give
#define pool_end our_end
#include "../../src/pool.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N 4000

static struct pool pool;
static unsigned char *piece[N];

static size_t size_of(unsigned int i)
{
	return 1 + i * 7919u % 700; /* some of them are large */
}

static void fill(unsigned int i)
{
	piece[i] = pool_take(&pool, size_of(i));
	assert_non_null(piece[i]);
	assert_int_equal((uintptr_t)piece[i] % POOL_STEP, 0);
	memset(piece[i], i % 251, size_of(i));
}

static void check(unsigned int i)
{
	for (size_t at = 0; at < size_of(i); at++)
		assert_int_equal(piece[i][at], i % 251);
}

static void pieces_are_apart(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N; i++)
		fill(i);
	for (unsigned int i = 0; i < N; i += 3)
		pool_give(&pool, piece[i], size_of(i));
	for (unsigned int i = 0; i < N; i += 3)
		fill(i);
	for (unsigned int i = 0; i < N; i++)
		check(i);
	pool_end(&pool);
	assert_null(pool.chunks);
	assert_null(pool.large);
}

static void what_is_given_back_is_taken_again(void **state)
{
	void *first, *second;

	(void)state;
	first = pool_take(&pool, 100);
	pool_give(&pool, first, 100);
	pool_give(&pool, NULL, 100);
	second = pool_take(&pool, 112); /* the same step */
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(pool_take(&pool, 112), second);
	pool_end(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart),
		cmocka_unit_test(what_is_given_back_is_taken_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
