FROM Not/A:Valid:Name
