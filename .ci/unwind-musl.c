/* What the C compiler's unwinder (libgcc_eh.a) finds in the GNU C library and not in musl, so that programs of Rust can be linked with both. */
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <stdint.h>

/* As the GNU C library has it since 2.35; of all that only the tables for unwinding are looked at. */
struct found {
    unsigned long long flags;
    void *start, *end, *map, *tables;
    unsigned long long reserved[7];
};

struct wanted {
    uintptr_t address;
    struct found *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data) {
    struct wanted *wanted = data;
    int is_inside = 0;
    void *tables = NULL;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        is_inside |= part->p_type == PT_LOAD && wanted->address - start < part->p_memsz;
        if (part->p_type == PT_GNU_EH_FRAME) tables = (void *)start;
    }
    if (is_inside) wanted->found->tables = tables;
    return is_inside && tables;
}

int _dl_find_object(void *address, struct found *found) {
    struct wanted wanted = {(uintptr_t)address, found};
    return dl_iterate_phdr(look, &wanted) ? 0 : -1;
}

/* It refers to these weakly, which takes nothing out of a static library, and calls them all the same. */
void *const called[] = {pthread_once,       pthread_mutex_lock,  pthread_mutex_unlock,
                        pthread_key_create, pthread_getspecific, pthread_setspecific};
