package contract

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// matcher says of ASCII strings whether a pattern matches, by a table: one look for each
// byte, where package regexp walks a program. It is what the pattern's program would do
// on these strings, all of whose states are worked out when the contract is loaded.
type matcher struct {
	next  [][utf8.RuneSelf]uint16 // by state and byte
	match []bool                  // at the end of the string, by state
}

// maxStates bounds the memory of a pattern, 256 bytes a state; one with more is left to regexp.
const maxStates = 300

// matchASCII compiles a pattern; nil: it is left to regexp.
func matchASCII(pattern jsonschema.Regexp) *matcher {
	re, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || slices.ContainsFunc(prog.Inst, func(i syntax.Inst) bool {
		return i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 //nolint:gosec // 6 bits
	}) {
		return nil
	}
	b := builder{prog: prog, known: map[string]uint16{}, m: &matcher{}, edges: edgesOf(prog)}
	b.state(b.follow([]uint32{uint32(prog.Start)}, syntax.EmptyBeginText)) //nolint:gosec // an index of a program
	for at := 0; at < len(b.sets); at++ {
		if len(b.sets) > maxStates {
			return nil
		}
		var row [utf8.RuneSelf]uint16
		for c := range rune(utf8.RuneSelf) {
			if c > 0 && !b.edges[c] { // no instruction tells it from the one before
				row[c] = row[c-1] //nolint:gosec // c > 0
				continue
			}
			row[c] = b.state(b.step(b.sets[at], c))
		}
		b.m.next[at] = row
	}
	return b.m
}

func takesRune(i *syntax.Inst) bool {
	return i.Op == syntax.InstRune || i.Op == syntax.InstRune1 || i.Op == syntax.InstRuneAny || i.Op == syntax.InstRuneAnyNotNL
}

func (m *matcher) matches(s string) bool {
	at := uint16(0)
	for i := range len(s) {
		at = m.next[at][s[i]]
	}
	return m.match[at]
}

// builder works out the states: each is the instructions that the program may be at.
type builder struct {
	prog  *syntax.Prog
	known map[string]uint16
	sets  [][]uint32
	m     *matcher
	edges [utf8.RuneSelf]bool // characters that an instruction may tell from the one before
}

func edgesOf(prog *syntax.Prog) (edges [utf8.RuneSelf]bool) {
	for n := range prog.Inst {
		if i := &prog.Inst[n]; takesRune(i) {
			for c := rune(1); c < utf8.RuneSelf; c++ {
				edges[c] = edges[c] || i.MatchRune(c) != i.MatchRune(c-1)
			}
		}
	}
	return edges
}

// state gives the number of a set of instructions.
func (b *builder) state(set []uint32) uint16 {
	key := make([]byte, 0, 4*len(set))
	for _, pc := range set {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if n, ok := b.known[string(key)]; ok {
		return n
	}
	n := uint16(len(b.sets)) //nolint:gosec // maxStates and 128 at most
	if n > 0 {               // nothing comes back to the begin
		b.known[string(key)] = n
	}
	b.sets = append(b.sets, set)
	b.m.next = append(b.m.next, [utf8.RuneSelf]uint16{})
	b.m.match = append(b.m.match, b.matched(b.follow(set, syntax.EmptyEndText)) || len(b.sets) == 1 && b.matchesEmpty())
	return n
}

// matchesEmpty says whether the pattern matches "", where begin and end are one place.
func (b *builder) matchesEmpty() bool {
	return b.matched(b.follow([]uint32{uint32(b.prog.Start)}, syntax.EmptyBeginText|syntax.EmptyEndText)) //nolint:gosec // an index of a program
}

func (b *builder) matched(set []uint32) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return b.prog.Inst[pc].Op == syntax.InstMatch })
}

// step gives where a set is after a character. A match stays one, and may begin anywhere.
func (b *builder) step(set []uint32, c rune) []uint32 {
	next := []uint32{}
	for _, pc := range set {
		i := &b.prog.Inst[pc]
		if i.Op == syntax.InstMatch {
			return []uint32{pc}
		}
		if takesRune(i) && i.MatchRune(c) {
			next = append(next, i.Out)
		}
	}
	return b.follow(append(next, uint32(b.prog.Start)), 0) //nolint:gosec // an index of a program
}

// follow gives, sorted, all that is reached without a character where what is said of
// the place is so; what waits for the end is kept.
func (b *builder) follow(from []uint32, place syntax.EmptyOp) []uint32 {
	seen := map[uint32]bool{}
	from = slices.Clone(from)
	for len(from) > 0 {
		pc := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &b.prog.Inst[pc]; i.Op { //nolint:exhaustive // the others wait for a character, or end
		case syntax.InstAlt, syntax.InstAltMatch:
			from = append(from, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			from = append(from, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^place == 0 { //nolint:gosec // 6 bits
				from = append(from, i.Out)
			}
		}
	}
	set := make([]uint32, 0, len(seen))
	for pc := range seen {
		set = append(set, pc)
	}
	slices.Sort(set)
	return set
}
