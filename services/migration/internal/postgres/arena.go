package postgres

// arena keeps rows, many to an allocation.
type arena struct {
	text   []byte
	values [][]byte
}

// The room that an arena takes at once, in bytes and in values: little at first, twice as much
// each time, and so much at most.
const (
	firstText, mostText     = 512, 32 << 10
	firstValues, mostValues = 32, 1 << 10
)

// row copies a row, whose values the connection writes over.
func (a *arena) row(values [][]byte) [][]byte {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	if a.text == nil || cap(a.text)-len(a.text) < size { // an empty text is no NULL
		a.text = make([]byte, 0, max(min(max(2*cap(a.text), firstText), mostText), size))
	}
	if cap(a.values)-len(a.values) < len(values) {
		a.values = make([][]byte, 0, max(min(max(2*cap(a.values), firstValues), mostValues), len(values)))
	}
	first := len(a.values)
	for _, v := range values {
		if v != nil { // NULL
			from := len(a.text)
			a.text = append(a.text, v...)
			v = a.text[from:len(a.text):len(a.text)]
		}
		a.values = append(a.values, v)
	}
	return a.values[first:len(a.values):len(a.values)]
}
