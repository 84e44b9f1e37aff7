package checker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is lost, doubled, changed or not the source's is said, each in a line of its own;
// what the source does not state is not compared.
func TestDifferencesAreTold(t *testing.T) {
	there := found{
		"a": {{"name": "A", "total": "5 EUR"}}, "b": {{"name": "B"}}, "c": {{"name": "C"}}, "d": {{"name": "D"}}, "twins": {{"name": "1"}, {"name": "2"}},
	}
	same := func() found {
		return found{
			"a": {{"name": "A", "total": "5 EUR", "more": "x"}}, "b": {{"name": "B"}}, "c": {{"name": "C"}}, "d": {{"name": "D"}},
			"twins": {{"name": "2"}, {"name": "1"}},
		}
	}
	require.Empty(t, compare("thing", there, same()))
	here := same()
	here["a"][0]["total"] = "6 EUR"
	delete(here, "b")
	here.add("c", Facts{"name": "C"})
	here.add("e", Facts{"name": "E"})
	here["twins"][0]["name"] = "1"
	require.Equal(t, []string{
		`thing a: total: "5 EUR" in the source, "6 EUR" in the shop`,
		`thing b: lost`,
		`thing c: 1 times in the source, 2 times in the shop`,
		`thing twins: ["name=1 " "name=2 "] in the source, ["name=1 " "name=1 "] in the shop`,
		`thing e: not in the source`,
	}, compare("thing", there, here))
}
