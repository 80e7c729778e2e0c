"""What only the sandbox serves, beside the contract: signing in, managing accounts, and playing the provider."""
