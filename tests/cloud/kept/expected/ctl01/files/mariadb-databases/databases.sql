-- Galera keeps the statements that it replicates in a file: of a password they hold the hash.
-- Texts are read as they are written below, whatever mode and characters the server has.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''root''@''localhost'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''root''@''localhost'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION;
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''root''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''root''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
