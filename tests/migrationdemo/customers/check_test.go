package customers

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func text(s string) *string { return &s }

// told is a ledger with something of each sort, and a shop that has just that.
func told() (Entries, Seen) {
	home := Address{"Ana", "Calle Nueva, 1", "Madrid", "28001", "ES"}
	return Entries{
			Orders: []*Order{
				{Note: "nueva-1", Outcome: Acknowledged, Number: "T-1", Total: 1250, Lines: []string{"A-1 2", "B-1 1"}, Step: Step{Status: "shipped"}},
				{Note: "nueva-2", Outcome: Acknowledged, Number: "T-2", Total: 500, Lines: []string{"A-1 1"}, Step: Step{Status: "confirmed", Maybe: []string{"cancelled"}}},
				{Note: "nueva-3", Outcome: Unknown, Lines: []string{"A-1 1"}},
				{Note: "nueva-4", Outcome: Unknown, Lines: []string{"A-1 1"}},
			},
			People: map[string]*Person{
				"ana@example.com": {Name: text("Ana"), Address: &home, Settings: &Settings{"es", true}},
				"new@example.com": {Registered: Acknowledged},
				"who@example.com": {Registered: Unknown},
			},
			Tickets:  []Ticket{{Acknowledged, "ana@example.com", "Why?"}, {Unknown, "ana@example.com", "Where?"}},
			Messages: []Message{{Acknowledged, "Why?", "Because."}},
			Returns:  []Return{{Acknowledged, "T-1", "A-1", 1}, {Acknowledged, "T-1", "A-1", 1}, {Unknown, "T-1", "A-1", 1}},
			Moved:    map[string]*Step{"W7": {Status: "delivered"}},
		}, Seen{
			Orders: map[string][]SeenOrder{
				"nueva-1": {{"T-1", "shipped", 1250, []string{"A-1 2", "B-1 1"}}},
				"nueva-2": {{"T-2-abcdef", "cancelled", 500, []string{"A-1 1"}}},
				"nueva-3": {{"T-3", "confirmed", 700, []string{"A-1 1"}}},
				"old-7":   {{"W7", "delivered", 100, []string{"C-1 1"}}},
			},
			People: map[string][]SeenPerson{
				"ana@example.com": {{"Ana", &home, &Settings{"es", true}}},
				"new@example.com": {{Name: "New"}},
			},
			Tickets:  map[string]int{"Why?": 1},
			Messages: map[string]int{"Why?\nBecause.": 1},
			Returns:  map[string]int{"T-1 A-1 1": 2},
		}
}

// Whatever is lost, there twice or changed is found, and is called what it is.
func TestCheck(t *testing.T) {
	e, s := told()
	require.Empty(t, Check(e, s))
	ana := func(s Seen) *SeenPerson { return &s.People["ana@example.com"][0] }
	for _, sabotage := range []struct {
		what Sort
		told string
		do   func(Seen)
	}{
		{Lost, "order nueva-1", func(s Seen) { delete(s.Orders, "nueva-1") }},
		{Lost, "account ana@example.com", func(s Seen) { delete(s.People, "ana@example.com") }},
		{Lost, "account new@example.com", func(s Seen) { delete(s.People, "new@example.com") }},
		{Lost, "ticket Why?", func(s Seen) { delete(s.Tickets, "Why?") }},
		{Lost, "message Because.", func(s Seen) { clear(s.Messages) }},
		{Lost, "return of T-1 A-1 1", func(s Seen) { s.Returns["T-1 A-1 1"] = 1 }},
		{Doubled, "order nueva-1", func(s Seen) { s.Orders["nueva-1"] = append(s.Orders["nueva-1"], s.Orders["nueva-1"]...) }},
		{Doubled, "order nueva-3", func(s Seen) { s.Orders["nueva-3"] = append(s.Orders["nueva-3"], s.Orders["nueva-3"]...) }},
		{Doubled, "order nueva-9", func(s Seen) { s.Orders["nueva-9"] = s.Orders["nueva-1"] }},
		{Doubled, "account new@example.com", func(s Seen) { s.People["new@example.com"] = make([]SeenPerson, 2) }},
		{Doubled, "account who@example.com", func(s Seen) { s.People["who@example.com"] = make([]SeenPerson, 2) }},
		{Doubled, "ticket Where?", func(s Seen) { s.Tickets["Where?"] = 2 }},
		{Doubled, "message Because.", func(s Seen) { s.Messages["Why?\nBecause."] = 2 }},
		{Doubled, "return of T-1 A-1 1", func(s Seen) { s.Returns["T-1 A-1 1"] = 4 }},
		{Changed, "order nueva-1", func(s Seen) { s.Orders["nueva-1"][0].Total++ }},
		{Changed, "order nueva-1", func(s Seen) { s.Orders["nueva-1"][0].Number = "T-9" }},
		{Changed, "order nueva-1", func(s Seen) { s.Orders["nueva-1"][0].Lines[0] = "A-1 3" }},
		{Changed, "order nueva-1", func(s Seen) { s.Orders["nueva-1"][0].Status = "confirmed" }},
		{Changed, "order nueva-2", func(s Seen) { s.Orders["nueva-2"][0].Status = "shipped" }},
		{Changed, "order W7", func(s Seen) { s.Orders["old-7"][0].Status = "shipped" }},
		{Changed, "the name", func(s Seen) { ana(s).Name = "Eva" }},
		{Changed, "the address", func(s Seen) { ana(s).Address = nil }},
		{Changed, "the address", func(s Seen) { ana(s).Address.City = "Cádiz" }},
		{Changed, "the preferences", func(s Seen) { ana(s).Settings.Marketing = false }},
	} {
		e, s := told()
		b, err := json.Marshal(s) // nothing is shared with the ledger
		require.NoError(t, err)
		var own Seen
		require.NoError(t, json.Unmarshal(b, &own))
		sabotage.do(own)
		found := Check(e, own)
		require.Len(t, found, 1, "%s: %s: %v", sabotage.what, sabotage.told, found)
		require.Equal(t, sabotage.what, found[0].What, found[0].Text)
		require.Contains(t, found[0].Text, sabotage.told)
	}
}

// What was not looked at is not missed.
func TestCheckOfAPart(t *testing.T) {
	e, _ := told()
	require.Empty(t, Check(e, Seen{}))
}

func TestCheckStock(t *testing.T) {
	never := func(string, SeenOrder) bool { return false }
	before := map[string]int64{"A-1": 10, "B-1": 5, "C-1": 3}
	orders := map[string][]SeenOrder{
		"nueva-1": {{Status: "shipped", Lines: []string{"A-1 2", "B-1 1"}}},
		"nueva-2": {{Status: "cancelled", Lines: []string{"A-1 3"}}},
		"old-1":   {{Status: "confirmed", Lines: []string{"A-1 1"}}},
	}
	left := map[string]int64{"A-1": 7, "B-1": 4, "C-1": 0} // of C-1 nothing was sold: it is nobody's business
	require.Empty(t, CheckStock(before, orders, Stock{left, never}))
	for what, is := range map[Sort]map[string]int64{Changed: {"A-1": 8, "B-1": 4}, Lost: {"A-1": 7}} {
		found := CheckStock(before, orders, Stock{is, never})
		require.Len(t, found, 1)
		require.Equal(t, what, found[0].What)
	}
	lost := func(note string, _ SeenOrder) bool { return note == "nueva-2" }
	require.Len(t, CheckStock(before, orders, Stock{left, lost}), 1)
	left["A-1"] = 4
	require.Empty(t, CheckStock(before, orders, Stock{left, lost}), "cancelled, and its goods have not come back")
}

func TestCounts(t *testing.T) {
	var tally Tally
	tally.Note(Acknowledged, "")
	tally.Note(Refused, "out_of_stock")
	before := tally.Step()
	tally.Note(Refused, "out_of_stock")
	tally.Note(Refused, "blocked")
	tally.Note(Unknown, "")
	tally.waited(5, true)
	now := tally.Counts().Less(before)
	require.Equal(t, Counts{Unknown: 1, Failed: 1, Refused: map[string]int{"out_of_stock": 1, "blocked": 1}, Longest: 5}, now)
	require.Equal(t, []string{"out_of_stock"}, slices.Collect(maps.Keys(before.Refused)))
}
