package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/origin/intake"
)

func shelf(slug, parent string) object {
	out := object{"slug": slug, "name": strings.ToUpper(slug)}
	if parent != "" {
		out["parent"] = parent
	}
	return out
}

// tree gives the paths of all categories, in the order in which the shop shows them.
func (s *shop) tree() (paths []string) {
	s.t.Helper()
	var all struct{ Items []struct{ Path []string } }
	s.call(200, nobody, "GET", "/v1/categories", nil).JSON(s.t, &all)
	for _, c := range all.Items {
		paths = append(paths, strings.Join(c.Path, "/"))
	}
	return paths
}

// Categories come in any order: what is below one that is not there waits at the root.
func TestCategoriesInAnyOrder(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("c:3", 1, shelf("c", "b")), moved("c:2", 1, shelf("b", "a")))
	require.Equal(t, []string{"b", "b/c"}, s.tree())
	require.JSONEq(t, `{"slug":"b","name":"B","parent":"a"}`, s.kept("categories", "c:2")["c:2"])
	s.move("categories", intake.Stored, moved("c:1", 1, shelf("a", "")))
	require.Equal(t, []string{"a", "a/b", "a/b/c"}, s.tree())

	s.move("categories", intake.Stored, moved("c:2", 2, shelf("bb", "a")))
	require.Equal(t, []string{"a", "a/bb", "a/bb/c"}, s.tree(), "with another slug it keeps what is below it")
	s.move("categories", intake.Stored, moved("c:1", 2, nil))
	require.Equal(t, []string{"bb", "bb/c"}, s.tree())
	s.move("categories", intake.Stored, moved("c:1", 3, shelf("a", "")))
	require.Equal(t, []string{"a", "a/bb", "a/bb/c"}, s.tree())

	s.refused("categories", "category_cycle", moved("c:1", 4, shelf("a", "c")))
	s.refused("categories", "category_cycle", moved("c:1", 4, shelf("a", "a")))
	require.Equal(t, []string{"a", "a/bb", "a/bb/c"}, s.tree(), "what is refused changes nothing")
	s.refused("categories", "slug_taken", moved("c:1", 4, shelf("c", "")))

	s.call(200, manager, "PUT", "/v1/categories/bb", object{"name": "Else"})
	require.Equal(t, []string{"a", "bb", "bb/c"}, s.tree())
	require.JSONEq(t, `{"slug":"bb","name":"Else"}`, s.kept("categories", "c:2")["c:2"])
	s.move("categories", intake.Stored, moved("c:2", 2, shelf("bb", "a")))
	require.Equal(t, []string{"a", "a/bb", "a/bb/c"}, s.tree())
	require.ElementsMatch(t, []string{idOf("c:1"), idOf("c:2"), idOf("c:3")}, s.listed("categories"))
}

// Staff change and delete what was moved in as they do what was made here, and the next state of
// it is moved in all the same.
func TestStaffDeleteAMovedCategory(t *testing.T) {
	s := open(t)
	s.move("categories", intake.Stored, moved("c:1", 1, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 1, movedWare(1)))
	code, _ := s.call(409, manager, "DELETE", "/v1/categories/wares", nil).Problem(t)
	require.Equal(t, "category_in_use", code)
	s.move("products", intake.Stored, moved(productKey(1), 2, nil))
	s.call(204, manager, "DELETE", "/v1/categories/wares", nil)
	require.Empty(t, s.kept("categories", "c:1"))
	s.refused("products", "unknown_category", moved(productKey(1), 3, movedWare(1)))
	s.move("categories", intake.Stored, moved("c:1", 1, wareShelf))
	s.move("products", intake.Stored, moved(productKey(1), 3, movedWare(1)))

	// One that goes in the other system leaves its products where they are.
	s.move("categories", intake.Stored, moved("c:1", 4, nil))
	require.Equal(t, "wares", s.shows("ware-1").Category)
	s.refused("products", "unknown_category", moved(productKey(1), 4, movedWare(1)))
}
