/*
 * The decoder of the fuzzy vault: random k-subsets of each frame's points are interpolated over GF(2^16) until the
 * polynomial's SipHash-2-4 equals the frame's tag. Several subsets share all points but one, and so the polynomial of
 * those; completing it costs a quarter of interpolating anew. decoder_reference.py does the same in NumPy and is the description;
 * this file only makes it fast. No Python object is touched while the lock is released.
 *
 * Sources: Newton's divided differences (any numerical text); SplitMix64 (Steele, Lea, Flood, OOPSLA 2014);
 * SipHash (Aumasson and Bernstein, INDOCRYPT 2012).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum {
    GROUP_ORDER = 65535,   /* of the multiplicative group of GF(2^16) */
    FIELD_POLYNOMIAL = 0x1100B, /* x^16 + x^12 + x^3 + x + 1, primitive: 2 generates the group */
    MOST_POINTS = 64,      /* a subset is kept as the bits of one word */
    MOST_COEFFICIENTS = 16,
    COMPLETIONS = 8, /* points that each draw of k - 1 is completed with, one at a time */
    SLOTS = 256, /* of the urn: one byte of randomness draws one */
    STRIDE = 101, /* odd, so that it visits every slot */
    DRAWS_BETWEEN_LOOKS = 64 /* at the cancel flag: some 50 microseconds */
};

static uint16_t logarithm[GROUP_ORDER + 1];
static uint16_t power[2 * GROUP_ORDER]; /* twice round, so that a sum of two logarithms needs no reduction */

static void make_tables(void)
{
    uint32_t element = 1;
    for (uint32_t i = 0; i < GROUP_ORDER; i++) {
        power[i] = power[i + GROUP_ORDER] = (uint16_t)element;
        logarithm[element] = (uint16_t)i;
        element <<= 1;
        if (element >> 16)
            element ^= FIELD_POLYNOMIAL;
    }
}

/* a times the element whose logarithm is given */
static inline uint16_t times(uint16_t a, uint16_t log_b)
{
    return a ? power[(uint32_t)logarithm[a] + log_b] : 0;
}

static inline uint64_t mixed(uint64_t z) /* the output function of SplitMix64 */
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint64_t rotated(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* The completions of a draw go through everything side by side: each waits for its tables, all wait together */
#define EACH for (int e = 0; e < COMPLETIONS; e++)

static inline void sip_rounds(uint64_t v[4][COMPLETIONS], int count)
{
    while (count--) {
        EACH { v[0][e] += v[1][e]; v[1][e] = rotated(v[1][e], 13) ^ v[0][e]; v[0][e] = rotated(v[0][e], 32); }
        EACH { v[2][e] += v[3][e]; v[3][e] = rotated(v[3][e], 16) ^ v[2][e]; }
        EACH { v[0][e] += v[3][e]; v[3][e] = rotated(v[3][e], 21) ^ v[0][e]; }
        EACH { v[2][e] += v[1][e]; v[1][e] = rotated(v[1][e], 17) ^ v[2][e]; v[2][e] = rotated(v[2][e], 32); }
    }
}

/* SipHash-2-4 of each column of coefficients as little-endian bytes, lowest degree first */
static inline void tags_of(
    uint64_t tags[COMPLETIONS], const uint16_t f[][COMPLETIONS], int count, const uint64_t key[2])
{
    uint64_t v[4][COMPLETIONS], word[COMPLETIONS] = {0};
    EACH {
        v[0][e] = key[0] ^ 0x736f6d6570736575u;
        v[1][e] = key[1] ^ 0x646f72616e646f6du;
        v[2][e] = key[0] ^ 0x6c7967656e657261u;
        v[3][e] = key[1] ^ 0x7465646279746573u;
    }
    for (int i = 0; i < count; i++) {
        EACH word[e] |= (uint64_t)f[i][e] << (16 * (i & 3));
        if ((i & 3) == 3) {
            EACH v[3][e] ^= word[e];
            sip_rounds(v, 2);
            EACH { v[0][e] ^= word[e]; word[e] = 0; }
        }
    }
    EACH { word[e] |= (uint64_t)(2 * count) << 56; v[3][e] ^= word[e]; }
    sip_rounds(v, 2);
    EACH { v[0][e] ^= word[e]; v[2][e] ^= 0xff; }
    sip_rounds(v, 4);
    EACH tags[e] = v[0][e] ^ v[1][e] ^ v[2][e] ^ v[3][e];
}

struct frame {
    uint16_t x[MOST_POINTS], x_log[MOST_POINTS], y[MOST_POINTS];
    uint16_t inverse[MOST_POINTS][MOST_POINTS]; /* logarithm of 1 / (x_i - x_j) */
    int points;
};

/* 0, or -1 where two points share an x or an x is zero */
static int prepare(struct frame *frame, const uint16_t *points, int count)
{
    frame->points = count;
    for (int i = 0; i < count; i++) {
        uint16_t x = points[2 * i];
        if (x == 0)
            return -1;
        frame->x[i] = x;
        frame->x_log[i] = logarithm[x];
        frame->y[i] = points[2 * i + 1];
        for (int j = 0; j < i; j++) {
            uint16_t difference = x ^ points[2 * j];
            if (difference == 0)
                return -1;
            frame->inverse[i][j] = frame->inverse[j][i] = (uint16_t)(GROUP_ORDER - logarithm[difference]);
        }
    }
    return 0;
}

/* How many different points are in the urn; -1 where it names one that the frame lacks */
static int points_in(const uint8_t *urn, int count)
{
    uint64_t seen = 0;
    int different = 0;
    for (int i = 0; i < SLOTS; i++) {
        if (urn[i] >= count)
            return -1;
        different += !(seen >> urn[i] & 1);
        seen |= (uint64_t)1 << urn[i];
    }
    return different;
}

/* Different points out of the urn; one that is already drawn is passed over in strides */
static inline void draw(int drawn[], int count, const uint8_t *urn, uint64_t stream, uint64_t number, uint64_t words)
{
    const uint64_t golden = 0x9E3779B97F4A7C15u;
    uint64_t random = 0, taken = 0;
    for (int i = 0; i < count; i++) {
        if ((i & 7) == 0)
            random = mixed(stream + (number * words + (uint64_t)(i / 8) + 1) * golden);
        unsigned slot = random & (SLOTS - 1);
        random >>= 8;
        while (taken >> urn[slot] & 1)
            slot = (slot + STRIDE) & (SLOTS - 1);
        taken |= (uint64_t)1 << urn[slot];
        drawn[i] = urn[slot];
    }
}

/* What the subsets of one draw share: m = k - 1 points */
struct shared {
    uint16_t newton[MOST_COEFFICIENTS]; /* divided differences */
    uint16_t f[MOST_COEFFICIENTS];      /* the polynomial of degree below m through them, lowest degree first */
    uint16_t roots[MOST_COEFFICIENTS];  /* that of degree m which is zero at them, without its leading one */
};

/* Newton's divided differences, expanded to coefficients from the last point to the first */
static inline void share(struct shared *shared, const struct frame *frame, const int drawn[], int m)
{
    uint16_t *c = shared->newton, *f = shared->f, *roots = shared->roots;
    for (int i = 0; i < m; i++)
        c[i] = frame->y[drawn[i]];
    for (int step = 1; step < m; step++)
        for (int i = m - 1; i >= step; i--)
            c[i] = times(c[i] ^ c[i - 1], frame->inverse[drawn[i]][drawn[i - step]]);
    f[0] = c[m - 1];
    roots[0] = frame->x[drawn[m - 1]];
    for (int i = m - 2, degree = 1; i >= 0; i--, degree++) {
        uint16_t x_log = frame->x_log[drawn[i]];
        f[degree] = f[degree - 1];
        roots[degree] = roots[degree - 1] ^ frame->x[drawn[i]];
        for (int j = degree - 1; j > 0; j--) {
            f[j] = times(f[j], x_log) ^ f[j - 1];
            roots[j] = times(roots[j], x_log) ^ roots[j - 1];
        }
        f[0] = times(f[0], x_log) ^ c[i];
        roots[0] = times(roots[0], x_log);
    }
}

/* The polynomials through the shared points and one more each: one further divided difference, times the roots */
static inline void complete(
    uint16_t f[][COMPLETIONS], const struct shared *shared, const struct frame *frame, const int drawn[], int m)
{
    uint16_t *c = f[m];
    EACH c[e] = frame->y[drawn[m + e]];
    for (int i = 0; i < m; i++)
        EACH c[e] = times(c[e] ^ shared->newton[i], frame->inverse[drawn[i]][drawn[m + e]]);
    for (int i = 0; i < m; i++) {
        uint16_t root = shared->roots[i];
        uint32_t root_log = logarithm[root];
        EACH f[i][e] = shared->f[i] ^ (uint16_t)(root && c[e] ? power[logarithm[c[e]] + root_log] : 0);
    }
}

/* The number of the frame that opened, -1 for none, -2 for points that cannot be interpolated */
static inline Py_ssize_t search_frames(
    const int k, const uint16_t *points, const uint32_t *bounds, const uint8_t *urns, Py_ssize_t frames,
    const uint64_t *streams, const uint64_t *tags, const uint64_t key[2], uint32_t first, uint32_t last,
    const volatile uint8_t *cancel, uint16_t *f)
{
    struct frame frame;
    struct shared shared;
    int drawn[MOST_COEFFICIENTS + COMPLETIONS];
    uint16_t polynomials[MOST_COEFFICIENTS][COMPLETIONS];
    uint64_t hashes[COMPLETIONS];
    const uint64_t words = (uint64_t)((k - 1 + COMPLETIONS + 7) / 8);
    Py_ssize_t result = -1;
    for (Py_ssize_t i = 0; i < frames && result == -1; i++) {
        const uint8_t *urn = urns + SLOTS * i;
        int count = (int)(bounds[i + 1] - bounds[i]);
        if (count < k)
            continue;
        int different = points_in(urn, count);
        if (different < 0 || prepare(&frame, points + 2 * bounds[i], count) < 0) {
            result = -2;
            break;
        }
        if (different < k)
            continue;
        int most = k - 1 + COMPLETIONS, all = different < most ? different : most;
        for (uint32_t number = first; number < last && result == -1; number++) {
            if ((number - first) % DRAWS_BETWEEN_LOOKS == 0 && *cancel)
                goto done;
            draw(drawn, all, urn, streams[i], number, words);
            for (int j = all; j < most; j++)
                drawn[j] = drawn[all - 1]; /* too few points for so many completions: the last one again */
            share(&shared, &frame, drawn, k - 1);
            complete(polynomials, &shared, &frame, drawn, k - 1);
            tags_of(hashes, (const uint16_t(*)[COMPLETIONS])polynomials, k, key);
            for (int e = 0; e < COMPLETIONS && result == -1; e++)
                if (hashes[e] == tags[i]) {
                    result = i;
                    for (int j = 0; j < k; j++)
                        f[j] = polynomials[j][e];
                }
        }
    }
done:
    if (result < 0)
        memset(f, 0, (size_t)k * sizeof *f);
    memset(&frame, 0, sizeof frame);
    memset(&shared, 0, sizeof shared);
    memset(polynomials, 0, sizeof polynomials);
    memset(drawn, 0, sizeof drawn);
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(&frame), "r"(&shared), "r"(polynomials), "r"(drawn) : "memory"); /* or the compiler leaves the wiping out */
#endif
    return result;
}

/* k is a constant in each of the usual cases, so that the compiler unrolls the loops */
static Py_ssize_t dispatch(
    int k, const uint16_t *points, const uint32_t *bounds, const uint8_t *urns, Py_ssize_t frames,
    const uint64_t *streams, const uint64_t *tags, const uint64_t key[2], uint32_t first, uint32_t last,
    const volatile uint8_t *cancel, uint16_t *f)
{
#define SEARCH(constant) \
    search_frames(constant, points, bounds, urns, frames, streams, tags, key, first, last, cancel, f)
    switch (k) {
    case 7: return SEARCH(7);
    case 8: return SEARCH(8);
    case 9: return SEARCH(9);
    case 10: return SEARCH(10);
    case 11: return SEARCH(11);
    case 12: return SEARCH(12);
    case 13: return SEARCH(13);
    default: return SEARCH(k);
    }
#undef SEARCH
}

static int is_sound(const Py_buffer *points, const Py_buffer *bounds, Py_ssize_t frames)
{
    const uint32_t *bound = bounds->buf;
    if (frames < 0 || bound[0] != 0 || (Py_ssize_t)bound[frames] * 4 != points->len)
        return 0;
    for (Py_ssize_t i = 0; i < frames; i++)
        if (bound[i + 1] < bound[i] || bound[i + 1] - bound[i] > MOST_POINTS)
            return 0;
    return 1;
}

static PyObject *search(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer points, bounds, urns, streams, tags, key, cancel, f;
    int k;
    unsigned int first, last;
    if (!PyArg_ParseTuple(arguments, "y*y*y*y*y*y*iIIy*w*:search", &points, &bounds, &urns, &streams, &tags, &key, &k,
                          &first, &last, &cancel, &f))
        return NULL;
    Py_ssize_t frames = bounds.len / 4 - 1, result = -2;
    int sound = k >= 2 && k <= MOST_COEFFICIENTS && first <= last && bounds.len % 4 == 0 && bounds.len >= 4
        && urns.len == frames * SLOTS && streams.len == frames * 8 && tags.len == frames * 8 && key.len == 16 && cancel.len == 1 && f.len == 2 * k
        && is_sound(&points, &bounds, frames);
    if (sound) {
        uint64_t words[2];
        memcpy(words, key.buf, sizeof words);
        Py_BEGIN_ALLOW_THREADS
        result = dispatch(k, points.buf, bounds.buf, urns.buf, frames, streams.buf, tags.buf, words, first, last,
                          cancel.buf, f.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&points);
    PyBuffer_Release(&bounds);
    PyBuffer_Release(&urns);
    PyBuffer_Release(&streams);
    PyBuffer_Release(&tags);
    PyBuffer_Release(&key);
    PyBuffer_Release(&cancel);
    PyBuffer_Release(&f);
    if (result == -2) {
        PyErr_SetString(PyExc_ValueError, "the frames given to the decoder do not fit together");
        return NULL;
    }
    return PyLong_FromSsize_t(result);
}

/* Values of a polynomial by Horner's rule; so many x go side by side that none waits for its tables alone */
static void evaluate_all(const uint16_t *coefficients, Py_ssize_t count, const uint16_t *x, uint16_t *y, Py_ssize_t n)
{
    enum { ABREAST = 8 };
    for (Py_ssize_t start = 0; start < n; start += ABREAST) {
        int some = n - start < ABREAST ? (int)(n - start) : ABREAST;
        uint16_t value[ABREAST] = {0}, x_log[ABREAST] = {0};
        for (int e = 0; e < some; e++)
            x_log[e] = logarithm[x[start + e]];
        for (Py_ssize_t i = count - 1; i >= 0; i--)
            for (int e = 0; e < ABREAST; e++)
                value[e] = times(value[e], x_log[e]) ^ coefficients[i];
        for (int e = 0; e < some; e++)
            y[start + e] = x[start + e] ? value[e] : count ? coefficients[0] : 0;
    }
}

static PyObject *evaluate(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer coefficients, x, y;
    if (!PyArg_ParseTuple(arguments, "y*y*w*:evaluate", &coefficients, &x, &y))
        return NULL;
    int sound = x.len == y.len && x.len % 2 == 0 && coefficients.len % 2 == 0;
    if (sound) {
        Py_BEGIN_ALLOW_THREADS
        evaluate_all(coefficients.buf, coefficients.len / 2, x.buf, y.buf, x.len / 2);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&coefficients);
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    if (!sound) {
        PyErr_SetString(PyExc_ValueError, "the values of a polynomial need as much room as its arguments");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Places of evenly spread keys in rising order: dealt to buckets by their upper 16 bits, each sorted by insertion.
   Equal keys keep their order. `next` has room for 65537 numbers. */
static void order_all(const uint64_t *keys, Py_ssize_t n, uint32_t *places, uint32_t *next)
{
    memset(next, 0, 65537 * sizeof *next);
    for (Py_ssize_t i = 0; i < n; i++)
        next[(keys[i] >> 48) + 1]++;
    for (int bucket = 0; bucket < 65536; bucket++)
        next[bucket + 1] += next[bucket];
    for (Py_ssize_t i = 0; i < n; i++)
        places[next[keys[i] >> 48]++] = (uint32_t)i;
    for (Py_ssize_t i = 1; i < n; i++) {
        uint32_t place = places[i];
        Py_ssize_t j = i;
        for (; j > 0 && keys[places[j - 1]] > keys[place]; j--)
            places[j] = places[j - 1];
        places[j] = place;
    }
}

static PyObject *order(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer keys, places;
    if (!PyArg_ParseTuple(arguments, "y*w*:order", &keys, &places))
        return NULL;
    int sound = keys.len % 8 == 0 && places.len * 2 == keys.len && keys.len / 8 < UINT32_MAX;
    uint32_t *next = sound ? PyMem_Malloc(65537 * sizeof *next) : NULL;
    if (next) {
        Py_BEGIN_ALLOW_THREADS
        order_all(keys.buf, keys.len / 8, places.buf, next);
        Py_END_ALLOW_THREADS
        PyMem_Free(next);
    }
    PyBuffer_Release(&keys);
    PyBuffer_Release(&places);
    if (!sound) {
        PyErr_SetString(PyExc_ValueError, "the places of keys need half as much room as the keys");
        return NULL;
    }
    if (!next)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"evaluate", evaluate, METH_VARARGS, "See galois.evaluate, which does the same."},
    {"order", order, METH_VARARGS, "numpy.argsort(kind='stable') of evenly spread 64-bit keys."},
    {"search", search, METH_VARARGS, "See decoder_reference.search, which does the same."},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *Py_UNUSED(module))
{
    make_tables();
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "edge.biometrics._decoder",
    .m_doc = "The fuzzy vault's decoder, compiled.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__decoder(void)
{
    return PyModuleDef_Init(&definition);
}
