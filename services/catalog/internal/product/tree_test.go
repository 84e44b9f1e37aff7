package product

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func tree(t *testing.T, edges ...string) Categories {
	t.Helper()
	var c Categories
	for i, edge := range edges {
		parent, slug, _ := strings.Cut(edge, "/")
		_, err := c.Add(Category{Slug: slug, Name: slug, Parent: parent, Position: -i})
		require.NoError(t, err, edge)
	}
	return c
}

func TestTree(t *testing.T) {
	c := tree(t, "/food", "food/cheese", "food/wine", "wine/red", "/home")
	require.Equal(t, []string{"food", "wine", "red"}, c.Path("red"))
	require.Empty(t, c.Path("none"))
	ordered := c.InOrder(strings.Compare)
	var slugs []string
	for _, x := range ordered {
		slugs = append(slugs, x.Slug)
		require.Equal(t, c.Path(x.Slug), ordered.Paths()[x.Slug])
	}
	require.Equal(t, []string{"home", "food", "wine", "red", "cheese"}, slugs, "by position")

	move := func(slug, parent string) error {
		_, err := c.Change(Category{Slug: slug, Name: slug, Parent: parent}, 0)
		return err
	}
	require.ErrorIs(t, move("food", "food"), ErrCycle)
	require.ErrorIs(t, move("food", "red"), ErrCycle)
	require.ErrorIs(t, move("food", "none"), ErrNoParent)
	require.ErrorIs(t, c.Close("wine", 0, "x"), ErrCategoryInUse)
	require.NoError(t, move("wine", "home"), "those below it move along")
	require.Equal(t, []string{"home", "wine", "red"}, c.Path("red"))
	require.NoError(t, c.Close("cheese", 0, "x"))
	require.ErrorIs(t, move("home", "cheese"), ErrParentClosing)
	require.NoError(t, move("wine", ""))

	deep := tree(t, "/1", "1/2", "2/3", "3/4", "4/5", "5/6", "6/7", "7/8", "/a", "a/b")
	_, err := deep.Add(Category{Slug: "9", Parent: "8"})
	require.ErrorIs(t, err, ErrTooDeep)
	_, err = deep.Change(Category{Slug: "a", Parent: "7"}, 0)
	require.ErrorIs(t, err, ErrTooDeep, "with what is below it")
	_, err = deep.Change(Category{Slug: "a", Parent: "6"}, 0)
	require.NoError(t, err)
}

// Whatever is moved where, what is left is a tree of bounded depth that loses
// nothing.
func TestMovesKeepATree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		var c Categories
		n := 2 + r.IntN(20)
		for i := range n {
			_, err := c.Add(Category{Slug: strconv.Itoa(i), Name: "x"})
			require.NoError(t, err)
		}
		for range 100 {
			slug, parent := strconv.Itoa(r.IntN(n)), strconv.Itoa(r.IntN(n))
			before := slices.Clone(c)
			if _, err := c.Change(Category{Slug: slug, Name: "x", Parent: parent}, 0); err != nil {
				require.Equal(t, before, c)
			}
			require.Len(t, c.InOrder(strings.Compare), n, "all of them hang on a root")
			for _, x := range c {
				require.LessOrEqual(t, len(c.Path(x.Slug)), MaxDepth)
			}
		}
	}
}

func TestFormerSlugs(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p, err := New(details(func(*Details) {}), noon)
	require.NoError(t, err)
	rename := func(slug string) {
		require.NoError(t, p.Replace(details(func(d *Details) { d.Slug = slug }), noon))
	}
	rename("cafe")
	require.Equal(t, []string{"cafe"}, p.Slugs())
	rename("b")
	rename("c")
	require.Equal(t, []string{"c", "cafe", "b"}, p.Slugs())
	rename("cafe")
	require.Equal(t, []string{"cafe", "b", "c"}, p.Slugs(), "it is the slug again, and no former one")
	for i := range keptSlugs + 5 {
		rename("s" + strconv.Itoa(i))
	}
	require.Len(t, p.Former, keptSlugs)
	require.Equal(t, "s4", p.Former[0].Slug)
}
