package account

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/services/users/internal/audit"
)

func theAdmin(t *testing.T) *User {
	t.Helper()
	u := newUser(t)
	u.Roles = []caller.Role{caller.Customer, caller.Admin}
	return &u
}

// What takes an admin away is refused unless the store knows of it.
func TestWhatTakesAnAdminAway(t *testing.T) {
	changes := map[string]func(*User, bool) error{
		"demote":  func(u *User, leaving bool) error { return u.SetRoles(nil, leaving) },
		"disable": func(u *User, leaving bool) error { return u.disable("why", leaving) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			u := theAdmin(t)
			require.ErrorIs(t, change(u, false), errLeaving)
			require.Empty(t, u.Changes())
			require.NoError(t, change(u, true))
			require.False(t, u.IsAdmin())
			other := newUser(t)
			other.Roles = []caller.Role{caller.Customer, caller.SupportAgent}
			require.NoError(t, change(&other, false), "nobody else matters")
		})
	}
	u := theAdmin(t)
	require.NoError(t, u.SetRoles([]caller.Role{caller.Admin, caller.SupportAgent}, false), "an admin still")
	u.Disabled = true
	require.NoError(t, u.SetRoles(nil, false), "one who was disabled was none any more")
}

func TestDisableAndEnable(t *testing.T) {
	u := newUser(t)
	require.NoError(t, u.disable("  "+strings.Repeat("ñ", 600), false))
	require.True(t, u.Barred())
	require.Equal(t, strings.Repeat("ñ", maxReason), u.Events()[0].Note)
	require.NoError(t, u.disable("again", false))
	u.enable()
	u.enable()
	require.False(t, u.Barred())
	require.Equal(t, []Change{Disabled, Enabled}, u.Changes(), "a repeat is no change")
}

// Nothing that was ever said of the person is left in the document.
func TestEraseLeavesNothing(t *testing.T) {
	u := newUser(t)
	u.PasswordHash, u.ExternalID, u.Disabled = "the hash", "external", true
	_, err := u.AddAddress(Address{Name: "Receiver", Line1: "Street", City: "Town", PostalCode: "28013", Country: "ES", Phone: "555"})
	require.NoError(t, err)
	require.NoError(t, u.SetPreferences(Preferences{Currency: "USD", Language: "ca", MarketingMail: true}, noon))
	before, err := json.Marshal(u)
	require.NoError(t, err)
	id, made := u.ID, u.CreatedAt
	require.NoError(t, u.erase(noon))
	after, err := json.Marshal(u)
	require.NoError(t, err)
	for _, personal := range []string{"ana@example.com", `"ana"`, "the hash", "external", "Receiver", "Street", "Town", "28013", "555", "USD", `"ca"`} {
		require.Contains(t, strings.ToLower(string(before)), strings.ToLower(personal))
		require.NotContains(t, strings.ToLower(string(after)), strings.ToLower(personal))
	}
	require.Equal(t, []any{id, made, noon}, []any{u.ID, u.CreatedAt, u.DeletedAt})
	require.True(t, u.Erased())
	require.Equal(t, []Change{Deleted}, u.Changes())
	require.ErrorIs(t, theAdmin(t).erase(noon), errAdmin)
}

// When a consent was given and withdrawn is kept, and nobody but the shop says so.
func TestConsent(t *testing.T) {
	u := newUser(t)
	p := u.Preferences
	p.MarketingMailAt = noon.Add(-time.Hour)
	require.NoError(t, u.SetPreferences(p, noon))
	require.Zero(t, u.Preferences.MarketingMailAt)
	p.MarketingMail = true
	require.NoError(t, u.SetPreferences(p, noon))
	require.Equal(t, noon, u.Preferences.MarketingMailAt)
	require.NoError(t, u.SetPreferences(p, noon.Add(time.Hour)))
	require.Equal(t, noon, u.Preferences.MarketingMailAt, "the same again is no new consent")
	p.MarketingMail = false
	require.NoError(t, u.SetPreferences(p, noon.Add(2*time.Hour)))
	require.Equal(t, noon.Add(2*time.Hour), u.Preferences.MarketingMailAt)
	var kinds []audit.Kind
	for _, e := range u.Events() {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []audit.Kind{audit.ConsentGiven, audit.ConsentWithdrawn}, kinds)
}
