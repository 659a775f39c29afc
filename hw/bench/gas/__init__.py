"""What each act costs in gas: our contract beside EAS and ERC-1056, in one EVM in this process."""
