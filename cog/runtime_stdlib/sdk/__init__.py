"""What model code touches. Imports nothing by itself: `cog` fetches each name when it is used."""
