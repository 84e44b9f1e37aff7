package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/fault"
)

const (
	fileID = "0198d2b0-5555-7000-8000-000000000005"
	png    = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
)

func (s *shop) Put(_ context.Context, key string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filesAway {
		return errAway
	}
	s.files[key] = data
	return nil
}

func (s *shop) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[key]
	if s.filesAway || !ok {
		return nil, fault.New(fault.Unavailable, "attachments_unavailable", "Away.").Because(errors.New("file not found"))
	}
	return data, nil
}

// firstMessage gives the path of a ticket's first message.
func (f *fixture) firstMessage(path string) string {
	first := items(f.do(200, agent, http.MethodGet, path+"/messages", nil))[0].(map[string]any)
	return path + "/messages/" + first["id"].(string)
}

func (f *fixture) put(who caller.Caller, path, name, media, data string) contracttest.Answer {
	f.t.Helper()
	return f.Do(f.t, contracttest.Request{Method: http.MethodPut, Path: path + "?name=" + name, As: who, Body: data, ContentType: media})
}

// attachment has ana attach a picture, which the agent reads.
func (f *fixture) attachment(path string) {
	t := f.t
	file := f.firstMessage(path) + "/attachments/" + fileID
	for range 2 {
		a := f.put(ana, file, "l%C3%A1mpara%20rota.png", "image/png", png)
		require.Equal(t, 200, a.Status, "%s", a.Body)
	}
	got := f.Do(t, contracttest.Request{Method: http.MethodGet, Path: file, As: agent})
	require.Equal(t, 200, got.Status)
	require.Equal(t, png, string(got.Body))
	require.Equal(t, "image/png", got.Header.Get("Content-Type"))
	require.Equal(t, "attachment; filename*=utf-8''l%C3%A1mpara%20rota.png", got.Header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
	first := items(f.do(200, ana, http.MethodGet, path+"/messages", nil))[0].(map[string]any)
	require.Len(t, first["attachments"], 1)
	require.Len(t, f.shop.files, 1)
}

func TestBadFiles(t *testing.T) {
	f := open(t)
	path := "/v1/tickets/" + f.open(ana)
	file := f.firstMessage(path) + "/attachments/" + fileID
	html, pdf := "<!DOCTYPE html><script>alert(1)</script>", "%PDF-1.7\n"
	tests := []struct {
		name              string
		who               caller.Caller
		file, media, data string
		want              int
		code              string
		fields            []string
	}{
		{"nobody", caller.Caller{}, "a.png", "image/png", png, 401, "sign_in", nil},
		{"another customer", bob, "a.png", "image/png", png, 404, "not_found", nil},
		{"an agent, who has not written it", agent, "a.png", "image/png", png, 403, "not_author", nil},
		{"a type that is not taken", ana, "a.html", "text/html", html, 415, "unsupported_media_type", nil},
		{"a picture that is a page", ana, "a.png", "image/png", html, 422, "type_mismatch", []string{"Content-Type"}},
		{"a text that is a page", ana, "a.txt", "text/plain", html, 422, "type_mismatch", []string{"Content-Type"}},
		{"a drawing with scripts", ana, "a.png", "image/png", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, 422, "type_mismatch", []string{"Content-Type"}},
		{"a document that is a picture", ana, "a.pdf", "application/pdf", png, 422, "type_mismatch", []string{"Content-Type"}},
		{"a text that is no UTF-8", ana, "a.txt", "text/plain", "caf\xe9", 422, "type_mismatch", []string{"Content-Type"}},
		{"empty", ana, "a.pdf", "application/pdf", "", 400, "invalid_request", []string{""}},
		{"too large", ana, "a.pdf", "application/pdf", pdf + strings.Repeat("x", 5<<20), 413, "body_too_large", nil},
		{"a name that is a path", ana, "..%2F..%2Fetc%2Fpasswd", "application/pdf", pdf, 400, "invalid_request", []string{"name"}},
		{"a name with a line break", ana, "a%0Ab.pdf", "application/pdf", pdf, 400, "invalid_request", []string{"name"}},
		{"a name of dots", ana, "..", "application/pdf", pdf, 400, "invalid_request", []string{"name"}},
		{"no name", ana, "", "application/pdf", pdf, 400, "invalid_request", []string{"name"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := f.put(tt.who, file, tt.file, tt.media, tt.data)
			require.Equal(t, tt.want, a.Status, "%s", a.Body)
			code, fields := a.Problem(t)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.fields, fields)
			require.Empty(t, f.shop.files)
		})
	}
	for name, data := range map[string]string{"image/gif": "GIF89a", "image/jpeg": "\xff\xd8\xff", "image/webp": "RIFF\x00\x00\x00\x00WEBPVP", "application/pdf": pdf} {
		a := f.put(ana, f.firstMessage(path)+"/attachments/"+strings.Replace(fileID, "5555", map[string]string{"image/gif": "0001", "image/jpeg": "0002", "image/webp": "0003", "application/pdf": "0004"}[name], 1), "a", name, data)
		require.Equal(t, 200, a.Status, "%s: %s", name, a.Body)
	}
}

// What an agent attaches to a note, customers do not see; nobody gets other bytes
// than those that were attached, and none while the files are away.
func TestFilesOfOthers(t *testing.T) {
	f := open(t)
	path := "/v1/tickets/" + f.open(ana)
	note := f.do(201, agent, http.MethodPost, path+"/messages", `{"text":"see file","internal":true}`)["id"].(string)
	file := path + "/messages/" + note + "/attachments/" + fileID
	require.Equal(t, 200, f.put(agent, file, "a.txt", "text/plain; charset=utf-8", "dGVzdA==").Status)
	get := func(who caller.Caller, path string) contracttest.Answer {
		return f.Do(t, contracttest.Request{Method: http.MethodGet, Path: path, As: who})
	}
	require.Equal(t, "dGVzdA==", string(get(boss, file).Body))
	require.Equal(t, "text/plain; charset=utf-8", get(boss, file).Header.Get("Content-Type"))
	require.Equal(t, 404, get(ana, file).Status)
	require.Equal(t, 404, get(bob, file).Status)
	require.Equal(t, 404, get(agent, path+"/messages/"+note+"/attachments/"+nowhere).Status)

	f.shop.filesAway = true
	require.Equal(t, 503, get(agent, file).Status)
	require.Equal(t, 503, f.put(agent, path+"/messages/"+note+"/attachments/"+nowhere, "b.txt", "text/plain", "b").Status)
	require.Len(t, items(f.do(200, agent, http.MethodGet, path+"/messages", nil))[1].(map[string]any)["attachments"], 1, "what is not kept is not named")
	f.shop.filesAway = false
	for key := range f.shop.files {
		f.shop.files[key] = []byte("of somebody else")
	}
	require.Equal(t, 500, get(agent, file).Status)
}
