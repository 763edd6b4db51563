// Command probe is what runs beside the services in a test network, as one static binary: a client for a page, a load, and,
// without arguments, a process that does nothing until it is told to end (a pod's sandbox).
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

const usage = "usage: probe | probe get URL | probe load [-clients N] [-pause TIME] [-for TIME] URL"

// degraded finds the element with which the storefront says that something is missing from a page.
var degraded = regexp.MustCompile(`<[a-z]+[^>]*\sclass="[^"]*\bnotice\b[^"]*"`)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	if len(os.Args) < 2 {
		<-end
		return
	}
	switch os.Args[1] {
	case "get":
		if len(os.Args) != 3 {
			fail(usage)
		}
		get(os.Args[2])
	case "load":
		flags := flag.NewFlagSet("load", flag.ExitOnError)
		clients := flags.Int("clients", 4, "clients at a time; every other one opens a connection a page")
		pause := flags.Duration("pause", 20*time.Millisecond, "what a client waits between two pages")
		limit := flags.Duration("for", 10*time.Minute, "when to end at the latest")
		_ = flags.Parse(os.Args[2:])
		if flags.NArg() != 1 {
			fail(usage)
		}
		load(flags.Arg(0), *clients, *pause, *limit, end)
	default:
		fail(usage)
	}
}

func fail(line string) {
	fmt.Fprintln(os.Stderr, line)
	os.Exit(64)
}

// get prints the page, and fails unless its status is 200.
func get(url string) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, answer.Status, err)
		os.Exit(1)
	}
}

// load asks for the home page until it is told to end, or the limit is reached. It prints a line for every page that failed,
// with the time, and the counts so far once a second.
func load(url string, clients int, pause, limit time.Duration, end <-chan os.Signal) {
	var (
		lock          sync.Mutex
		pages, failed int
		slowest       time.Duration
		done          = make(chan struct{})
		running       sync.WaitGroup
	)
	report := func() {
		lock.Lock()
		defer lock.Unlock()
		fmt.Printf("pages %d failed %d slowest %d ms\n", pages, failed, slowest.Milliseconds())
		slowest = 0
	}
	for number := range clients {
		running.Add(1)
		go func() {
			defer running.Done()
			client := http.Client{
				Timeout:   5 * time.Second,
				Transport: &http.Transport{DisableKeepAlives: number%2 == 1},
			}
			for {
				start := time.Now()
				why := page(&client, url)
				lock.Lock()
				pages++
				slowest = max(slowest, time.Since(start))
				if why != "" {
					failed++
					fmt.Printf("failed %d %s\n", time.Now().UnixMilli(), why)
				}
				lock.Unlock()
				select {
				case <-done:
					return
				case <-time.After(pause):
				}
			}
		}()
	}
	second := time.NewTicker(time.Second)
	over := time.After(limit)
	for waiting := true; waiting; {
		select {
		case <-second.C:
			report()
		case <-end:
			waiting = false
		case <-over:
			waiting = false
		}
	}
	close(done)
	running.Wait()
	report()
}

// page says why the home page counts as failed, or nothing.
func page(client *http.Client, url string) string {
	answer, err := client.Get(url)
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return "cut off: " + err.Error()
	case answer.StatusCode != http.StatusOK:
		return answer.Status
	case degraded.Match(body):
		return "degraded"
	case strings.Count(string(body), "<li>") != 3:
		return fmt.Sprintf("%d items in the list", strings.Count(string(body), "<li>"))
	}
	return ""
}
