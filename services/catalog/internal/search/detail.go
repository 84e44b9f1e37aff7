package search

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tienda/services/catalog/internal/product"
)

// Encoder makes the detail of an entry in one of its languages that is sent, as it
// is at a time, and says until when it holds (zero: until the entry changes).
type Encoder func(e *Entry, language string, now time.Time) (body []byte, until time.Time)

// details are the encoded details of one state of a product, in each of its
// languages. One is made when it is first asked for: most products are asked for
// in one language, and many in none. It is made anew when a price of it begins or
// ends.
type details struct {
	encode    Encoder
	kept      *kept
	prices    *atomic.Int64 // of the model
	languages []string
	made      []atomic.Pointer[made] // by language
}

type made struct {
	body   []byte
	until  time.Time
	prices int64 // of when it was begun
}

func (m *Model) newDetails(p *product.Product) *details {
	languages := p.Languages()
	return &details{encode: m.encode, kept: &m.kept, prices: &m.prices, languages: languages, made: make([]atomic.Pointer[made], len(languages))}
}

// Detail gives the encoded detail at a time in a language, in the product's own
// where it does not have that.
func (e *Entry) Detail(language string, now time.Time) []byte {
	d := e.details
	i := max(slices.Index(d.languages, language), 0)
	prices := d.prices.Load()
	if m := d.made[i].Load(); m != nil && m.prices == prices && (m.until.IsZero() || now.Before(m.until)) {
		return m.body
	}
	body, until := d.encode(e, d.languages[i], now)
	if d.made[i].Swap(&made{body: body, until: until, prices: prices}) == nil {
		d.kept.add(&d.made[i])
	}
	return body
}

// mostKept is how many encoded details are kept, of about 2 KB each.
const mostKept = 16_384

// kept are the encoded details that there are.
type kept struct {
	mu   sync.Mutex
	all  []*atomic.Pointer[made]
	next int
}

// add gives up the detail that was added first, if there are too many.
func (k *kept) add(one *atomic.Pointer[made]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) < mostKept {
		k.all = append(k.all, one)
		return
	}
	k.all[k.next].Store(nil)
	k.all[k.next] = one
	k.next = (k.next + 1) % mostKept
}
