package session

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/users/internal/audit"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func opened() (*Sessions, Token) {
	s := &Sessions{UserID: uuid.NewString()}
	return s, s.open(curl, noon)
}

var curl = Client{UserAgent: "curl/8", Address: "203.0.113.7"}

func TestTokenRoundTrip(t *testing.T) {
	_, tok := opened()
	got, err := ParseToken(tok.String())
	require.NoError(t, err)
	require.Equal(t, tok, got)
	for _, bad := range []string{"", "x", tok.String()[1:], tok.String() + "A", strings.Replace(tok.String(), tok.String()[5:6], "!", 1)} {
		_, err := ParseToken(bad)
		require.ErrorIs(t, err, ErrToken, bad)
	}
}

func TestOnlyHashesAreKept(t *testing.T) {
	s, tok := opened()
	f := s.Families[0]
	require.NotContains(t, [][]byte{f.SecretHash, f.CurrentHash}, tok.once)
	require.NotContains(t, [][]byte{f.SecretHash, f.CurrentHash}, tok.secret)
}

func TestRenew(t *testing.T) {
	type step struct {
		token int // index of the token to use: 0 the first, 1 what its renewal gave, ...
		after time.Duration
		want  error
	}
	tests := []struct {
		name  string
		steps []step
		open  bool // the session is still there in the end
	}{
		{"each token once", []step{{0, time.Minute, nil}, {1, time.Minute, nil}, {2, time.Minute, nil}}, true},
		{"two at once: the loser is refused, the session stays", []step{{0, time.Minute, nil}, {0, CrossedTime, ErrCrossed}, {1, time.Minute, nil}}, true},
		{"reuse ends the session", []step{{0, time.Minute, nil}, {0, CrossedTime + 1, ErrToken}, {1, 0, ErrToken}}, false},
		{"reuse of one before the last ends it at once", []step{{0, time.Minute, nil}, {1, 0, nil}, {0, 0, ErrToken}, {2, 0, ErrToken}}, false},
		{"just in time", []step{{0, IdleLimit - 1, nil}, {1, IdleLimit - 1, nil}}, true},
		{"idle for too long", []step{{0, IdleLimit, ErrToken}}, false},
		{"too old", []step{{0, 29 * day, nil}, {1, 29 * day, nil}, {2, 29 * day, nil}, {3, 3 * day, ErrToken}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, first := opened()
			tokens, now := []Token{first}, noon
			for i, st := range tt.steps {
				now = now.Add(st.after)
				next, _, err := s.renew(tokens[st.token], curl, now)
				if st.want != nil {
					require.ErrorIs(t, err, st.want, "step %d", i)
					require.Empty(t, next)
					continue
				}
				require.NoError(t, err, "step %d", i)
				require.NotEqual(t, tokens[st.token].once, next.once)
				tokens = append(tokens, next)
			}
			require.Equal(t, tt.open, len(s.current(now)) == 1)
		})
	}
}

const day = 24 * time.Hour

// Who does not know the family's secret can neither renew nor end a session.
func TestAGuessDoesNothing(t *testing.T) {
	s, tok := opened()
	guess := tok
	guess.secret, guess.once = random(secretBytes), random(tokenBytes)
	_, changed, err := s.renew(guess, Client{}, noon.Add(time.Hour))
	require.ErrorIs(t, err, ErrToken)
	require.False(t, changed)
	guess = tok
	guess.SessionID = uuid.NewString()
	_, changed, err = s.renew(guess, Client{}, noon)
	require.ErrorIs(t, err, ErrToken)
	require.False(t, changed)
	require.Len(t, s.Families, 1)
	require.Empty(t, s.Ended())
}

func TestReuseIsAnnounced(t *testing.T) {
	s, tok := opened()
	_, _, err := s.renew(tok, Client{}, noon)
	require.NoError(t, err)
	_, changed, err := s.renew(tok, Client{}, noon.Add(time.Hour))
	require.ErrorIs(t, err, ErrToken)
	require.True(t, changed)
	require.Equal(t, []string{tok.SessionID}, s.Ended())
}

func TestAtMostTwenty(t *testing.T) {
	s, first := opened()
	second := s.open(Client{}, noon.Add(time.Second))
	_, _, err := s.renew(first, Client{}, noon.Add(2*time.Second)) // now the second is the least recently used
	require.NoError(t, err)
	for i := range MaxPerUser - 1 {
		s.open(Client{}, noon.Add(time.Duration(3+i)*time.Second))
	}
	require.Len(t, s.Families, MaxPerUser)
	require.Equal(t, []string{second.SessionID}, s.Ended())
	events := s.Events()
	require.Equal(t, audit.SessionRevoked, events[len(events)-2].Kind)
	require.Equal(t, second.SessionID, events[len(events)-2].Session, "the trail says which one had to go")
	require.Equal(t, fault.NotFound, fault.KindOf(s.revoke(second.SessionID, audit.SessionRevoked)))
	require.NoError(t, s.revoke(first.SessionID, audit.SignedOut))
}

func TestListIsNewestFirstAndWithoutTheExpired(t *testing.T) {
	s, first := opened()
	second := s.open(Client{UserAgent: strings.Repeat("ñ", 500)}, noon.Add(day))
	open := s.current(noon.Add(2 * day))
	require.Equal(t, []string{second.SessionID, first.SessionID}, []string{open[0].ID, open[1].ID})
	require.Equal(t, agentLimit, len([]rune(open[0].UserAgent)))
	require.Equal(t, "203.0.113.0/24", open[1].Address)
	require.Len(t, s.current(noon.Add(IdleLimit)), 1)
	require.Empty(t, s.Ended(), "what ran out was not ended by anybody")
}

func TestOnlyTheNetworkOfAnAddressIsKept(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7": "203.0.113.0/24", "::ffff:203.0.113.7": "203.0.113.0/24", "2001:db8:1:2::3": "2001:db8:1::/48",
		"fe80::1%eth0": "fe80::/48", "": "", "unknown": "", "203.0.113.7:80": "",
	} {
		require.Equal(t, want, Client{Address: address}.network(), address)
	}
}

func TestEndAll(t *testing.T) {
	s, first := opened()
	second, third := s.open(curl, noon), s.open(curl, noon)
	s.endAll(second.SessionID, time.Time{})
	require.Len(t, s.Families, 1)
	require.ElementsMatch(t, []string{first.SessionID, third.SessionID}, s.Ended())
	s.endAll("", time.Time{})
	require.Empty(t, s.Families)
	require.ElementsMatch(t, []string{first.SessionID, second.SessionID, third.SessionID}, s.Ended())
}
