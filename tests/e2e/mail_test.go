package e2e

import (
	"fmt"
	"html"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// letter is a message that the mailbox keeps.
type letter struct {
	Subject, Body string
}

// lettersTo gives the messages to an address, the oldest first.
func lettersTo(t testing.TB, email string) []letter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(the.MailDir, "*.eml"))
	require.NoError(t, err)
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) }) // of several folders in a cluster
	var out []letter
	for _, f := range files {
		b, err := os.ReadFile(f)
		if os.IsNotExist(err) {
			continue // made room
		}
		require.NoError(t, err)
		m, err := netmail.ReadMessage(strings.NewReader(string(b)))
		require.NoError(t, err, "%s", b)
		to, err := m.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, to, 1)
		if to[0].Address != email {
			continue
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, "quoted-printable", m.Header.Get("Content-Transfer-Encoding"))
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		require.NoError(t, err)
		out = append(out, letter{subject, html.UnescapeString(string(body))})
	}
	return out
}

// waitLetters waits until an address has n messages, and gives the last.
func waitLetters(t testing.TB, email string, n int) letter {
	t.Helper()
	var got []letter
	eventually(t, fmt.Sprintf("letter %d to %s", n, email), func() bool {
		got = lettersTo(t, email)
		return len(got) >= n
	})
	require.Len(t, got, n)
	return got[n-1]
}

var link = regexp.MustCompile(`href="(https?://[^"#?]+)#token=([A-Za-z0-9_-]{64})"`)

// token gives the token of a letter's link, which leads to the shop's page.
func (l letter) token(t testing.TB, page string) string {
	t.Helper()
	found := link.FindStringSubmatch(l.Body)
	require.NotNil(t, found, l.Body)
	require.Equal(t, the.Gateway+"/"+page, found[1])
	return found[2]
}

type account struct {
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
}

// From registration to a verified address, and to another address.
func TestVerifyEmail(t *testing.T) {
	c, u := newCustomer(t)
	require.False(t, must[account](t, c, http.StatusOK, "GET", "/v1/me", nil).EmailVerified)
	first := waitLetters(t, u.Email, 1)
	require.Equal(t, "Confirm your e-mail address", first.Subject)

	// Sent once more, in the language that the user reads now: the first link is void.
	must[any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{"currency": "EUR", "language": "es-MX", "marketing_mail": false})
	must[any](t, c, http.StatusAccepted, "POST", "/v1/me/verification", nil)
	second := waitLetters(t, u.Email, 2)
	require.Equal(t, "Confirma tu dirección de correo", second.Subject)
	old := map[string]string{"token": first.token(t, "verify-email")}
	require.Equal(t, "invalid_token", guest().refused(t, http.StatusUnprocessableEntity, "POST", "/v1/users/verify-email", old).Code)
	good := map[string]string{"token": second.token(t, "verify-email")}
	must[any](t, guest(), http.StatusNoContent, "POST", "/v1/users/verify-email", good)
	require.Equal(t, []string{"/token"}, guest().refused(t, http.StatusUnprocessableEntity, "POST", "/v1/users/verify-email", good).names())
	require.True(t, must[account](t, c, http.StatusOK, "GET", "/v1/me", nil).EmailVerified)
	require.Equal(t, "email_verified", c.refused(t, http.StatusConflict, "POST", "/v1/me/verification", nil).Code)

	next := "n" + uuid.NewString() + "@example.com"
	c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/me/email", map[string]string{"email": next, "password": "wrong password"})
	must[any](t, c, http.StatusAccepted, "POST", "/v1/me/email", map[string]string{"email": next, "password": "a long password"})
	token := waitLetters(t, next, 1).token(t, "verify-email")
	require.Equal(t, u.Email, must[account](t, c, http.StatusOK, "GET", "/v1/me", nil).Email, "not before the link is used")
	must[any](t, guest(), http.StatusNoContent, "POST", "/v1/users/verify-email", map[string]string{"token": token})
	require.Equal(t, account{next, true}, must[account](t, c, http.StatusOK, "GET", "/v1/me", nil))
	require.Equal(t, "Tu cuenta tiene ahora otra dirección de correo", waitLetters(t, u.Email, 3).Subject)
	guest().login(t, next, "a long password")
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": u.Email, "password": "a long password"})
	// The old address is free for somebody else.
	must[user](t, guest(), http.StatusCreated, "POST", "/v1/users", map[string]string{"email": u.Email, "password": "a long password", "name": "X"})
}

// A forgotten password: the link works once, and ends what was open.
func TestResetPassword(t *testing.T) {
	c, u := newCustomer(t)
	waitLetters(t, u.Email, 1)
	ask := func(email string) answer {
		return guest().call(t, "POST", "/v1/auth/password-reset", map[string]string{"email": email})
	}
	known, unknown := ask(strings.ToUpper(u.Email)), ask("nobody"+u.Email)
	require.Equal(t, http.StatusAccepted, known.status)
	require.Equal(t, known.status, unknown.status)
	require.Equal(t, known.body, unknown.body)
	token := waitLetters(t, u.Email, 2).token(t, "reset-password")
	require.Empty(t, lettersTo(t, "nobody"+u.Email))

	confirm := func(password string) map[string]string {
		return map[string]string{"token": token, "new_password": password}
	}
	require.Equal(t, []string{"/new_password"}, guest().refused(t, http.StatusBadRequest, "POST", "/v1/auth/password-reset/confirm", confirm("short")).names())
	must[any](t, guest(), http.StatusNoContent, "POST", "/v1/auth/password-reset/confirm", confirm("another long password"))
	require.Equal(t, "invalid_token", guest().refused(t, http.StatusUnprocessableEntity, "POST", "/v1/auth/password-reset/confirm", confirm("a third password")).Code)
	require.Equal(t, "Your password was changed", waitLetters(t, u.Email, 3).Subject)

	refresh := map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh}
	require.Equal(t, "invalid_refresh_token", guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", refresh).Code)
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": u.Email, "password": "a long password"})
	c.login(t, u.Email, "another long password")
	require.True(t, must[account](t, c, http.StatusOK, "GET", "/v1/me", nil).EmailVerified, "who reads the mail has verified the address")

	// A change ends the other sessions and keeps its own.
	other := guest()
	other.login(t, u.Email, "another long password")
	require.Equal(t, []string{"/current_password"}, c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/me/password",
		map[string]string{"current_password": "a long password", "new_password": "a fourth password"}).names())
	must[any](t, c, http.StatusNoContent, "POST", "/v1/me/password",
		map[string]string{"current_password": "another long password", "new_password": "a fourth password"})
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": other.refresh})
	must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
	waitLetters(t, u.Email, 4)
}

// users is killed, and its sidecar with it, after it has committed an account
// and before the mail server has taken the letter. It is sent all the same.
func TestKilledBeforeSending(t *testing.T) {
	require.NoError(t, the.Reload())
	mailbox, users := the.Of("mailbox")[0].PID, the.Of("users")[0]
	require.NoError(t, syscall.Kill(mailbox, syscall.SIGSTOP))
	resume := sync.OnceFunc(func() { _ = syscall.Kill(mailbox, syscall.SIGCONT) })
	defer resume()
	email := "k" + uuid.NewString() + "@example.com"
	must[user](t, guest(), http.StatusCreated, "POST", "/v1/users", map[string]string{"email": email, "password": "a long password", "name": "Ana"})
	require.NoError(t, syscall.Kill(users.PID, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(users.SidecarPID, syscall.SIGKILL))
	resume()
	allReady(t)
	token := waitLetters(t, email, 1).token(t, "verify-email")
	must[any](t, guest(), http.StatusNoContent, "POST", "/v1/users/verify-email", map[string]string{"token": token})
}
