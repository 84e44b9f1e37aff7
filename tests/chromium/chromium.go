// Package chromium drives a real browser, for the tests of pages. A test names it by
// BROWSER, and then it must be installed.
package chromium

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Browser is a browser without a window, spoken to over a pipe in the DevTools
// protocol: messages of JSON, each ended by a zero byte.
type Browser struct {
	t       *testing.T
	out     *os.File
	session string

	mu       sync.Mutex
	last     int
	waiting  map[int]chan message
	problems []string // what the page logged as errors, and what its policy refused
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Named gives the program of the Chromium that BROWSER names, and skips the test where it
// names none. Like the servers of other profiles it is asked for by name, and then must be
// there.
func Named(t *testing.T) string {
	t.Helper()
	program := os.Getenv("BROWSER")
	if program == "" {
		t.Skip("BROWSER names no browser")
	}
	return program
}

// Open starts a browser with one empty page of a width in pixels.
func Open(t *testing.T, program string, width int) *Browser {
	t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(t, err, "BROWSER names a Chromium that is not installed (apt-get install chromium)")
	fromBrowser, toUs, err := os.Pipe()
	require.NoError(t, err)
	toBrowser, out, err := os.Pipe()
	require.NoError(t, err)
	args := []string{"--headless", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to run as root with one
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the browser that the test names
	cmd.ExtraFiles = []*os.File{toBrowser, toUs}   // it reads from 3 and writes to 4
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	require.NoError(t, errors.Join(toBrowser.Close(), toUs.Close()))
	c := &Browser{t: t, out: out, waiting: map[int]chan message{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.read(fromBrowser)
	}()
	t.Cleanup(func() {
		_ = c.send(message{ID: -1, Method: "Browser.close"}, "")
		select { // it writes its profile until it ends
		case <-ended:
		case <-time.After(10 * time.Second):
		}
		cancel()
		_ = cmd.Wait() // it may have been killed
		_, _ = out.Close(), fromBrowser.Close()
	})
	var target, session struct{ TargetID, SessionID string }
	c.Call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	c.Call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	c.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		c.Call(domain+".enable", nil, nil)
	}
	c.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	return c
}

func (c *Browser) send(m message, session string) error {
	b, err := json.Marshal(struct {
		ID      int             `json:"id"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params,omitempty"`
		Session string          `json:"sessionId,omitempty"`
	}{m.ID, m.Method, m.Params, session})
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(b, 0))
	return err
}

func (c *Browser) read(from *os.File) {
	r := bufio.NewReader(from)
	for {
		raw, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if err := json.Unmarshal(bytes.TrimSuffix(raw, []byte{0}), &m); err != nil {
			continue
		}
		c.mu.Lock()
		switch m.Method {
		case "Runtime.exceptionThrown", "Log.entryAdded":
			c.problems = append(c.problems, string(m.Params))
		}
		if answer := c.waiting[m.ID]; m.ID > 0 && answer != nil {
			answer <- m
			delete(c.waiting, m.ID)
		}
		c.mu.Unlock()
	}
}

// Call asks the browser for something and waits for it.
func (c *Browser) Call(method string, params, out any) {
	c.t.Helper()
	b, err := json.Marshal(params)
	require.NoError(c.t, err)
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	m := message{ID: c.last, Method: method, Params: b}
	c.waiting[m.ID] = answer
	c.mu.Unlock()
	if params == nil {
		m.Params = nil
	}
	require.NoError(c.t, c.send(m, c.session))
	select {
	case m := <-answer:
		require.Nil(c.t, m.Error, "%s: %+v", method, m.Error)
		if out != nil {
			require.NoError(c.t, json.Unmarshal(m.Result, out))
		}
	case <-time.After(30 * time.Second):
		require.FailNow(c.t, "the browser does not answer", method)
	}
}

// Navigate opens an address.
func (c *Browser) Navigate(url string) { c.Call("Page.navigate", map[string]any{"url": url}, nil) }

// Value gives what a JavaScript expression is in the page, as text.
func (c *Browser) Value(expression string) string {
	c.t.Helper()
	var out struct {
		Result struct{ Value any }
	}
	c.Call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &out)
	return fmt.Sprint(out.Result.Value)
}

// Text gives the text that a person sees of an element.
func (c *Browser) Text(id string) string {
	c.t.Helper()
	return c.Value(fmt.Sprintf("document.getElementById(%q)?.innerText ?? ''", id))
}

// Picture gives the page as it looks, a PNG.
func (c *Browser) Picture() []byte {
	c.t.Helper()
	var out struct{ Data []byte }
	c.Call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &out)
	return out.Data
}

// PictureOf gives an element as it looks, a PNG of so many pixels in height at most.
func (c *Browser) PictureOf(selector string, most float64) []byte {
	c.t.Helper()
	c.Call("Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil) // the picture has none, and so another width
	var at struct {
		Result struct {
			Value struct{ X, Y, Width, Height float64 }
		}
	}
	c.Call("Runtime.evaluate", map[string]any{"returnByValue": true, "expression": fmt.Sprintf(
		`(r => ({X: r.x + scrollX, Y: r.y + scrollY, Width: r.width, Height: r.height}))(document.querySelector(%q).getBoundingClientRect())`, selector)}, &at)
	v := at.Result.Value
	var out struct{ Data []byte }
	c.Call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": map[string]any{"x": v.X, "y": v.Y, "width": v.Width, "height": min(v.Height, most), "scale": 1}}, &out)
	return out.Data
}

// Press presses and releases a key, by its name and its code on Windows.
func (c *Browser) Press(key string, code int) {
	c.t.Helper()
	text := map[string]string{"Enter": "\r"}[key]
	for _, kind := range []string{"keyDown", "keyUp"} {
		c.Call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}, nil)
	}
}

// Complaints gives what the page logged as errors, and what its policy refused.
func (c *Browser) Complaints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.problems...)
}
