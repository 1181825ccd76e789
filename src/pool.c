// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool.c - memory for very many small things (pool.h).
 */
#include "pool.h"

#include <stdlib.h>

#define CHUNK (64 * 1024)

struct pool_chunk {
	struct pool_chunk *next;
	_Alignas(POOL_STEP) char data[];
};

struct pool_large {
	struct pool_large *prev, *next;
	_Alignas(POOL_STEP) char data[];
};

static size_t class_of(size_t size)
{
	return (size + POOL_STEP - 1) / POOL_STEP;
}

static void *take_large(struct pool *p, size_t size)
{
	struct pool_large *l = malloc(sizeof(*l) + size);

	if (!l)
		return NULL;
	l->prev = NULL;
	l->next = p->large;
	if (l->next)
		l->next->prev = l;
	p->large = l;
	return l->data;
}

static void give_large(struct pool *p, void *mem)
{
	struct pool_large *l = (void *)((char *)mem - offsetof(struct pool_large, data));

	if (l->prev)
		l->prev->next = l->next;
	else
		p->large = l->next;
	if (l->next)
		l->next->prev = l->prev;
	free(l);
}

/* What is left of the chunk before is less than one piece, and stays unused. */
static void *take_new(struct pool *p, size_t bytes)
{
	void *mem;

	if ((size_t)(p->end - p->at) < bytes) {
		struct pool_chunk *c = malloc(CHUNK);

		if (!c)
			return NULL;
		c->next = p->chunks;
		p->chunks = c;
		p->at = c->data;
		p->end = (char *)c + CHUNK;
	}
	mem = p->at;
	p->at += bytes;
	return mem;
}

void *pool_take(struct pool *p, size_t size)
{
	size_t class = class_of(size);
	void *mem;

	if (size > POOL_LARGEST)
		return take_large(p, size);
	mem = p->free[class];
	if (!mem)
		return take_new(p, class * POOL_STEP);
	p->free[class] = *(void **)mem;
	return mem;
}

void pool_give(struct pool *p, void *mem, size_t size)
{
	if (!mem)
		return;
	if (size > POOL_LARGEST) {
		give_large(p, mem);
		return;
	}
	*(void **)mem = p->free[class_of(size)];
	p->free[class_of(size)] = mem;
}

void pool_end(struct pool *p)
{
	while (p->large)
		give_large(p, p->large->data);
	while (p->chunks) {
		struct pool_chunk *c = p->chunks;

		p->chunks = c->next;
		free(c);
	}
	*p = (struct pool){};
}
