// Gives whoever it is told of a description: input JSON in the environment variable DATA, output JSON on stdout.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type person struct {
	Name        string `json:"name"`
	Age         int    `json:"age"`
	Description string `json:"description"`
}

func main() {
	var someone person
	if err := json.Unmarshal([]byte(os.Getenv("DATA")), &someone); err != nil {
		// The host logs this; the caller is told that the function failed.
		fmt.Fprintln(os.Stderr, "the input is no person:", err)
		os.Exit(1)
	}
	someone.Description = "This is a description"
	if err := json.NewEncoder(os.Stdout).Encode(someone); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
