/* The rejections that a transcript remembers. */
#include "signer/ceremony/transcript_internal.h"

#include "signer/base/mem.h"

#define REJECTION_WORDS 5

static void release_rejection(struct transcript_rejection *r)
{
    mem_free(r->digest);
    mem_free(r->mrsigner);
    mem_free(r->person);
    mem_free(r->id);
    mem_free(r->key);
}

void transcript_rejections_free(struct transcript_rejections *r)
{
    for (size_t i = 0; i < r->len; i++)
        release_rejection(&r->items[i]);
    mem_free(r->items);
    *r = (struct transcript_rejections){0};
}

static bool grow_rejections(struct transcript_collector *c, struct ens_err *err)
{
    void *block = c->list->items;
    size_t room = c->room > 0 ? 2 * c->room : 16;

    if (c->list->len < c->room)
        return true;
    if (!mem_grow(&block, room, sizeof *c->list->items, err))
        return false;
    c->list->items = block;
    c->room = room;
    return true;
}

/* One with fewer words says nothing that could be looked up; ensign writes none. */
static bool add_rejection(struct transcript_collector *c, uint64_t record, struct view value,
                          struct ens_err *err)
{
    struct view words[REJECTION_WORDS];
    char *texts[REJECTION_WORDS] = {0};

    for (size_t i = 0; i < REJECTION_WORDS; i++) {
        if (!transcript_word(&value, &words[i]))
            return true;
    }
    if (!grow_rejections(c, err))
        return false;
    for (size_t i = 0; i < REJECTION_WORDS; i++)
        texts[i] = mem_strndup((const char *)words[i].data, words[i].len, err);
    struct transcript_rejection r = {.digest = texts[0],
                                     .mrsigner = texts[1],
                                     .person = texts[2],
                                     .id = texts[3],
                                     .key = texts[4],
                                     .record = record};

    for (size_t i = 0; i < REJECTION_WORDS; i++) {
        if (texts[i] == NULL) {
            release_rejection(&r);
            return false;
        }
    }
    c->list->items[c->list->len++] = r;
    return true;
}

/* "2026-11-30T..." as 0x20261130 */
static uint32_t day_of(struct view time)
{
    uint32_t day = 0;

    for (size_t i = 0; i < time.len && time.data[i] != 'T'; i++) {
        if (time.data[i] != '-')
            day = day << 4 | (time.data[i] & 0xfu);
    }
    return day;
}

bool transcript_collect(void *ctx, const struct transcript_record *record, struct ens_err *err)
{
    struct transcript_collector *c = ctx;
    struct view left = record->entries;
    uint32_t day = day_of(record->time);
    struct view key;
    struct view value;

    if (day > c->list->last_day)
        c->list->last_day = day;
    while (transcript_entry(&left, &key, &value)) {
        if (view_equal(key, view_of_string("rejection")) && !add_rejection(c, record->number, value, err))
            return false;
    }
    return true;
}

bool transcript_collect_rejections(struct view text, const char *name, struct transcript_rejections *ret,
                                   struct ens_err *err)
{
    ENS_CLEANUP(transcript_rejections_free) struct transcript_rejections list = {0};
    struct transcript_collector c = {.list = &list};
    const struct transcript_sink sink = {.put = transcript_collect, .ctx = &c};
    struct transcript_sum sum;

    if (!transcript_verify(text, name, &sink, &sum, err))
        return false;
    *ret = list;
    list = (struct transcript_rejections){0};
    return true;
}
