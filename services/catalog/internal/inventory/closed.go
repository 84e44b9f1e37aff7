package inventory

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a stock remembers of the orders that have ended just now: for
// so long, and so many at most.
const (
	closedTime = time.Minute
	keptClosed = 256
)

// Closed are the orders whose reservation of a SKU has ended a moment ago, as
// one string: of each a mark of its ID and the time, 17 characters.
//
// For a day it is a document of the order that says so (Books). But not every
// store reads, or writes, two documents at one moment: a reservation that reads
// the order's document before a release and the stock after it would come
// through. The stock itself is always of one moment.
type Closed string

const (
	markLength   = 11 // base64 of 64 bits
	secondLength = 6  // base 36, until the year 2038 and beyond
)

func markOf(orderID string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(orderID))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h.Sum64())
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// has says whether an order is among them.
func (c Closed) has(orderID string) bool {
	mark := markOf(orderID)
	for s := string(c); len(s) >= markLength+secondLength; s = s[markLength+secondLength:] {
		if s[:markLength] == mark {
			return true
		}
	}
	return false
}

// with adds an order and leaves out who is old, or too many.
func (c Closed) with(orderID string, now time.Time) Closed {
	const entry = markLength + secondLength
	s, oldest := string(c), second(now.Add(-closedTime))
	for len(s) >= entry && (len(s)/entry >= keptClosed || s[markLength:entry] < oldest) {
		s = s[entry:]
	}
	return Closed(s + markOf(orderID) + second(now))
}

// second gives a time in characters that compare like it.
func second(t time.Time) string {
	s := strconv.FormatInt(t.Unix(), 36)
	return strings.Repeat("0", max(0, secondLength-len(s))) + s
}
